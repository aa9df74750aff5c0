// The other build, in a process of its own: makes the program that it is asked for, then runs it whenever it is its
// turn.
import { profilingFeatures } from "../../node/gpu/dawn-features.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { watchDriver } from "../measure/driver-time.ts";
import { type Clock, type Rounds, roundsOf } from "../../lab/measure/rounds.ts";
import { type Ready, type Subject, prepare } from "./subject.ts";

export type Request = { readonly prepare: Subject } | { readonly turn: true };
export type Reply =
  | { readonly error: string }
  | { readonly opened: string }
  | { readonly name: string; readonly checked: string; readonly wrong?: string; readonly clock: Clock }
  | { readonly ms: number };

async function serve(): Promise<void> {
  const driver = watchDriver();
  const { gpu, choice } = await openNodeGpu({ quiet: true, dawnFeatures: profilingFeatures });
  const driverMs = choice.software ? driver : undefined;
  let ready: Ready | undefined;
  let rounds: Rounds | undefined;
  const answer = async (request: Request): Promise<Reply> => {
    if ("turn" in request) return { ms: (await rounds!.round([0]))[0]! };
    rounds?.dispose?.();
    ready?.[Symbol.dispose]();
    ready = await prepare(gpu, request.prepare);
    rounds = await roundsOf(ready.device.gpu, [ready.program], driverMs);
    return { name: ready.name, checked: ready.checked, wrong: ready.wrong, clock: rounds.clock };
  };
  const reply = (r: Reply): void => void process.send!(r);
  process.on("message", (request) => {
    answer(request as Request).then(reply, (error: unknown) => reply({ error: String(error) }));
  });
  process.on("disconnect", () => process.exit(0));
  reply({ opened: choice.name });
}

serve().catch((error: unknown) => process.send!({ error: String(error) } satisfies Reply, () => process.exit(1)));
