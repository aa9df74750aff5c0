// The same program on the same adapter gives the same bits, a hundred times, and on any number of the driver's threads.
import { createHash } from "node:crypto";
import { Device } from "../../engine/index.ts";
import { Adam, snapshot } from "../../train/index.ts";
import { RandomStreams } from "../../engine/index.ts";
import { segmentation } from "../../losses/index.ts";
import { UNet } from "../../models/index.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { bundleOf, start } from "./child.ts";
import { type Budget, type Soak, Tally, must } from "./soak.ts";

const STEPS = 3;
const RUNS = 100;
/** Of the driver's, by lavapipe's LP_NUM_THREADS. */
const THREADS = ["1", "2", "4"];

/** The digest of losses and weights after a few steps of a U-Net, again and again from the same start. */
export async function digests(budget: Budget, most: number): Promise<string[]> {
  using device = await Device.open((await environment().gpu()).gpu);
  const net = new UNet({ width: 2, depth: 2 }).initialize(new RandomStreams(4), "net");
  const adam = new Adam(net.parameters(), { rate: 1e-3 });
  const shape = [2, 16, 20, 1];
  using program = await device.compile(
    ({ x, y }) => {
      const loss = segmentation(net.forward(x).logits, y);
      adam.minimize(loss);
      return { loss };
    },
    { x: shape, y: shape },
    { mode: "train" },
  );
  const x = noise(640, 3);
  const y = x.map((v) => Number(v > 0.3));
  const from = await snapshot(device, net, adam);
  const found: string[] = [];
  for (let n = 0; n < most && budget.allows(n); n++) {
    from.restore(device);
    const hash = createHash("sha256");
    for (let step = 0; step < STEPS; step++) {
      program.run({ x, y });
      hash.update(new Uint8Array((await program.read()).loss.buffer.slice(0)));
    }
    for (const values of await device.readAll(net.parameters())) hash.update(new Uint8Array(values.buffer.slice(0)));
    found.push(hash.digest("hex"));
  }
  return found;
}

export const sameBits: Soak = {
  name: "same-bits",
  tries: "the same steps from the same start, 100 times on each of 1, 2 and 4 threads of the driver",
  seconds: 60,
  run: async (budget) => {
    const tally = new Tally();
    if (budget.isShort) {
      const [want, ...rest] = await digests(budget, RUNS);
      for (const [n, got] of rest.entries())
        await tally.try(`run ${n + 2}`, () => must(got === want, "other bits than the first run"));
      return tally;
    }
    const file = await bundleOf("test/soak/same-bits-child.ts");
    let want: string | undefined;
    let least = RUNS;
    for (const [i, threads] of THREADS.entries()) {
      const { seconds } = budget.part(1 / (THREADS.length - i));
      const env = { LP_NUM_THREADS: threads };
      const { code, stdout, stderr } = await start(file, [`${RUNS}`, `${seconds}`], { env }).ended;
      const all = code === 0 ? (JSON.parse(stdout) as string[]) : [];
      await tally.try(`LP_NUM_THREADS=${threads}`, () => must(all.length > 0, `left with ${code}: ${stderr}`));
      want ??= all[0];
      for (const [n, got] of all.entries())
        await tally.try(`LP_NUM_THREADS=${threads}, run ${n + 1}`, () =>
          must(got === want, "other bits than the first run on one thread"),
        );
      least = Math.min(least, all.length);
      tally.tried--;
    }
    tally.count("runs on each of 1, 2 and 4 threads", least, RUNS);
    return tally;
  },
};
