// The GPU's memory ends at each allocation in turn: a typed error, a device that works, and its memory as it was. What
// a plan says that it takes is what is allocated.
import { Device, OutOfMemoryError, RandomStreams, type Tensor } from "../../engine/index.ts";
import { segmentation } from "../../losses/index.ts";
import { UNet } from "../../models/index.ts";
import { Adam } from "../../train/adam.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import { Training } from "../../train/loop.ts";
import type { Batch, Losses } from "../../train/regime.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { environment } from "../helpers/environment.ts";
import { discs, tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";
import { Allocations } from "./faulty-device.ts";
import { type Budget, type Random, type Soak, Tally, must } from "./soak.ts";

/** A peak may differ from the plan's by this part. */
const BAND = 0.1;

export const outOfMemory: Soak = {
  name: "out-of-memory",
  tries: "no memory at each allocation of training and inference; peaks against plans",
  seconds: 250,
  run: async (budget, random) => {
    const tally = new Tally();
    await atEachAllocation(budget.part(0.8), random, tally);
    await peaks(budget, tally);
    return tally;
  },
};

type Feeds = Readonly<Record<string, Tensor>>;

const open = async (): Promise<Device> => Device.open((await environment().gpu()).gpu);

/** Everything that allocates: compiles, steps, a checkpoint, inference, a profile. */
async function work(device: Device): Promise<number> {
  const regime = new StudentOnly({ seed: 3, segmentor: () => new UNet({ width: 2, depth: 1 }), adam: { ema: 0.9 } });
  const validation = discs(3, 9, 0.3);
  const options = { epochs: 1, validation, pictured: [0, 1] };
  using training = await Training.create(device, regime, tinyBatches(2), options);
  let last = NaN;
  await training.run({
    onStep: ({ losses }) => {
      last = losses.lossS!;
    },
    save: async () => {},
  });
  const buffers = training.batches.buffers();
  training.batches.fill(0, 0, buffers);
  training.stepPrograms.prepare(startOfRun());
  if (device.gpu.timestamps) await training.stepProgram.profile({ ...buffers });
  await training.segment(validation.images);
  return last;
}

async function atEachAllocation(budget: Budget, random: Random, tally: Tally): Promise<void> {
  using device = await open();
  const allocations = new Allocations(device);
  allocations.refuse(-1);
  const want = await work(device);
  const all = allocations.count;
  const order = Array.from({ length: all }, (_, i) => i);
  // In a random order: a short run tries some of them, wherever they are.
  for (let i = all - 1; i > 0; i--) {
    const j = random.whole(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  let tried = 0;
  for (const n of order) {
    if (!budget.allows(tried)) break;
    tried++;
    await tally.try(`allocation ${n} of ${all}`, async () => {
      // The variables of one try stay with the device until it goes, so each gets a device of its own.
      using own = await open();
      const faulty = new Allocations(own);
      const before = { ...own.counters };
      faulty.refuse(n);
      let error: unknown;
      try {
        await work(own);
      } catch (thrown) {
        error = thrown;
      }
      must(faulty.unheard === 0, "is made outside of error scopes: nobody hears that it failed");
      must(error instanceof OutOfMemoryError, `gave ${error === undefined ? "no error" : String(error)}`);
      faulty.refuse(-1);
      must((await work(own)) === want, "another loss on the device whose memory had ended");
      own.dispose();
      const { buffers, bytes } = own.counters;
      must(buffers === before.buffers && bytes === before.bytes, `${buffers} buffers of ${bytes} bytes are left`);
      must(faulty.bytes === 0, `${faulty.bytes} bytes were never given back`);
    });
  }
  if (!budget.isShort) tally.count(`allocations of ${all} refused in turn`, tried, Math.min(all, 100));
  tally.note(`${all} allocations in a training with validation, pictures, a profile and inference; ${tried} refused`);
}

async function peaks(budget: Budget, tally: Tally): Promise<void> {
  const image = [2, 64, 64, 1];
  const unet = () => {
    const net = new UNet({ width: 8 }).initialize(new RandomStreams(4), "net");
    const adam = new Adam(net.parameters(), { rate: 1e-3 });
    return (i: Feeds) => {
      const loss = segmentation(net.forward(i.x!).logits, i.y!);
      adam.minimize(loss);
      return { loss };
    };
  };
  const small = [2, 32, 32, 1];
  const cmedl = () => {
    const regime = tinyCmedl();
    return (i: Feeds) => regime.step(i as unknown as Batch);
  };
  const cases: readonly (readonly [string, () => (i: Feeds) => Losses, Readonly<Record<string, readonly number[]>>])[] =
    [
      ["U-Net of width 8, 64 × 64", unet, { x: image, y: image }],
      ["CMEDL of width 2, 32 × 32", cmedl, { xC: small, yC: small, xM: small, yM: small }],
    ];
  const chosen = cases.slice(0, budget.isShort ? 1 : 2);
  // A software adapter has copies in textures besides.
  for (const [net, make, shapes, cpu] of chosen.flatMap((c) => [false, true].map((cpu) => [...c, cpu] as const))) {
    const name = `${net}, as ${cpu ? "a processor" : "a GPU"} has it`;
    await tally.try(name, async () => {
      using device = await Device.open((await environment().gpu()).gpu, { traits: { cpu } });
      const allocations = new Allocations(device);
      const planned = device.estimate(make(), shapes, { mode: "train" });
      using _program = await device.compile(make(), shapes, { mode: "train" });
      const { bytes } = planned;
      const ratio = allocations.peakBytes / bytes;
      const reached = `${(100 * (ratio - 1)).toFixed(1)} %`;
      tally.goal(`${name} within ${100 * BAND} % of its plan`, reached, Math.abs(ratio - 1) <= BAND);
      tally.note(
        `${name}: planned ${(bytes / 1e6).toFixed(2)} MB, allocated ${(allocations.peakBytes / 1e6).toFixed(2)}`,
      );
      must(Math.abs(ratio - 1) <= BAND, `allocated are ${ratio.toFixed(3)} times what was planned`);
      must(device.counters.peakBytes === allocations.peakBytes, `the counters say ${device.counters.peakBytes}`);
    });
  }
}
