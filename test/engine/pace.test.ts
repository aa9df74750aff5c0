// A compile that shares its thread: it tells how far it is, lets others have their turn, and can be aborted anywhere,
// of which nothing stays.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type CompileProgress,
  type Device,
  type Tensor,
  Variable,
  add,
  conv2d,
  mul,
  relu,
} from "../../engine/index.ts";
import { noise, openDevice } from "../helpers/device.ts";

const test = suite("pace");
const PHASES = ["trace", "fuse", "lower", "join", "plan", "pipelines", "variables", "bind"];

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

type Inputs = Readonly<Record<"x", Tensor>>;

/** Two layers with weights of their own, and a channel count that gives pipelines which no other call has. */
function layers(channels: number) {
  const weight = (inputs: number, seed: number): Variable =>
    new Variable([3, 3, inputs, channels], noise(9 * inputs * channels, seed, 0.2), { name: `weight ${seed}` });
  const [first, second] = [weight(2, 1), weight(channels, 2)];
  const f = ({ x }: Inputs) => ({
    y: conv2d(relu(conv2d(x, first.value, { pad: 1 })), second.value, { pad: 1 }),
  });
  return { f, inputs: { x: [1, 8, 8, 2] }, x: noise(128, 3) };
}

const live = ({ counters: { peakBytes, totalSubmits, ...counts } }: Device) => counts;

test("every phase is told, in order and to its end", async () => {
  const told: CompileProgress[] = [];
  const { f, inputs } = layers(5);
  using program = await device.compile(f, inputs, { onProgress: (p) => told.push(p) });
  const phases = told.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1]);
  assert.equal(phases, PHASES);
  for (const phase of PHASES) {
    const here = told.filter((p) => p.phase === phase);
    const last = here.at(-1)!;
    assert.is(last.done, last.total, phase);
    assert.equal(
      here.map(({ done }) => done),
      here.map(({ done }) => done).sort((a, b) => a - b),
    );
    for (const { total } of here) assert.is(total, last.total, phase);
  }
  assert.is(told.filter((p) => p.phase === "pipelines").at(-1)!.total, program.stats().dispatches);
});

test("the event loop has its turn between steps where that is asked for, and not before the plan stands elsewhere", async () => {
  const phasesAt = async (yieldEveryMs: number | undefined): Promise<ReadonlySet<string>> => {
    const seen = new Set<string>();
    let phase = "";
    const { f, inputs } = layers(6);
    // Messages have a turn each, which timers have not: a phase can be over in less than their millisecond.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      seen.add(phase);
      port2.postMessage(undefined);
    };
    port2.postMessage(undefined);
    using _ = await device.compile(f, inputs, { yieldEveryMs, onProgress: (p) => (phase = p.phase) });
    port1.close();
    return seen;
  };
  const turns = await phasesAt(0);
  assert.ok(
    ["lower", "plan", "pipelines"].some((phase) => turns.has(phase)),
    [...turns].join(),
  );
  const atOnce = await phasesAt(undefined);
  for (const phase of ["trace", "fuse", "lower", "join"]) assert.not.ok(atOnce.has(phase), phase);
});

test("an abort anywhere rejects with its reason, and nothing stays; what comes after is whole", async () => {
  const { f, inputs, x } = layers(7);
  const d = await openDevice();
  const before = live(d);
  let steps = 0;
  let phase = "";
  for (let at = 0; ; at++) {
    const controller = new AbortController();
    const reason = new Error(`enough at ${at}`);
    steps = 0;
    let found: unknown;
    try {
      const program = await d.compile(f, inputs, {
        signal: controller.signal,
        yieldEveryMs: 0,
        onProgress: (p) => {
          if (steps++ !== at) return;
          phase = p.phase;
          controller.abort(reason);
        },
      });
      // The last step ends the compile: nothing is left to abort.
      assert.ok(at >= steps - 1, `the abort at step ${at} of ${steps} went unheard`);
      program.run({ x });
      await program.read();
      program.dispose();
      break;
    } catch (error) {
      found = error;
    }
    assert.is(found, reason, String(found));
    // Once variables are bound, only the check of the bind groups is left to abort: their values are here by then.
    const wanted = phase === "bind" ? { ...before, buffers: 2, bytes: live(d).bytes } : before;
    // A step that is under way gives back what it made when it ends.
    const end = performance.now() + 5000;
    while (JSON.stringify(live(d)) !== JSON.stringify(wanted) && performance.now() < end)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(live(d), wanted, `step ${at}`);
  }
  assert.ok(steps > 15, `${steps} steps`);
  using program = await d.compile(f, inputs);
  program.run({ x });
  const { y } = await program.read();
  using other = await device.compile(f, inputs);
  other.run({ x });
  assert.equal(y, (await other.read()).y);
  d.dispose();
});

test("the reason is an AbortError where none was given, and an aborted signal starts nothing", async () => {
  const { f, inputs } = layers(3);
  let traced = 0;
  const counted = (symbols: Inputs): ReturnType<typeof f> => {
    traced++;
    return f(symbols);
  };
  const error = await device
    .compile(counted, inputs, {
      signal: AbortSignal.abort(),
    })
    .catch((e: unknown) => e);
  assert.instance(error, DOMException);
  assert.is((error as DOMException).name, "AbortError");
  assert.is(traced, 0);
});

test("a compile that shares pipelines and variables with an aborted one is not touched by it", async () => {
  const { f, inputs, x } = layers(9);
  const d = await openDevice();
  const controller = new AbortController();
  const aborted = d
    .compile(f, inputs, {
      signal: controller.signal,
      onProgress: ({ phase }) => phase === "pipelines" && controller.abort(),
    })
    .catch((e: unknown) => e);
  const program = await d.compile(f, inputs);
  assert.instance(await aborted, DOMException);
  const held = live(d);
  using again = await d.compile(f, inputs);
  assert.is(live(d).pipelines, held.pipelines);
  for (const p of [program, again]) p.run({ x });
  assert.equal((await program.read()).y, (await again.read()).y);
  program.dispose();
  d.dispose();
});

test("what onProgress throws ends the compile, in every phase", async () => {
  for (const phase of PHASES) {
    const mistake = new Error(`in ${phase}`);
    const { f, inputs } = layers(9);
    const onProgress = (p: CompileProgress): void => {
      if (p.phase === phase) throw mistake;
    };
    const d = await openDevice();
    const found = await d.compile(f, inputs, { onProgress }).catch((error: unknown) => error);
    assert.is(found, mistake);
    d.dispose();
  }
});

test("an abort is heard within 100 ms", async () => {
  const weights = Array.from({ length: 60 }, (_, i) => new Variable([64, 64], noise(4096, i), { name: `w${i}` }));
  const f = ({ x }: Inputs) => ({
    y: weights.reduce((t, w, i) => relu(add(mul(t, w.value), i)), x),
  });
  /** From an abort in that phase to its rejection, in ms. */
  const waited = async (phase: string): Promise<number> => {
    let abortedAt = 0;
    const controller = new AbortController();
    const abort = (p: CompileProgress): void => {
      if (p.phase !== phase || abortedAt) return;
      abortedAt = performance.now();
      controller.abort();
    };
    await device
      .compile(f, { x: [64, 64] }, { signal: controller.signal, onProgress: abort })
      .then((program) => program.dispose())
      .catch((error: unknown) => assert.instance(error, DOMException));
    return performance.now() - abortedAt;
  };
  for (const phase of PHASES.slice(1, -1)) {
    // A busy machine may take this process's turn away: the shortest of a few is the code's own.
    const waits: number[] = [];
    while (waits.length < 5 && !(Math.min(...waits) < 100)) waits.push(await waited(phase));
    assert.ok(Math.min(...waits) < 100, `${phase}: ${waits.map((ms) => ms.toFixed(0)).join()}`);
  }
});

test.run();
