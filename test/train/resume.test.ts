import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, NumericalError } from "../../engine/index.ts";
import { DenseFcn } from "../../models/dense-fcn.ts";
import { Mrrn } from "../../models/mrrn.ts";
import { UNet } from "../../models/unet.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { type Checkpoint, readCheckpoint, restoreCheckpoint } from "../../train/checkpoint.ts";
import { stayNearStart } from "../../train/proximal.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { Training, type StepReport } from "../../train/loop.ts";
import type { Regime } from "../../train/regime.ts";
import { environment } from "../helpers/environment.ts";
import { discs, tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("resume");

const newDevice = async (): Promise<Device> => Device.open((await environment().gpu()).gpu);
const STEPS = 4;
const EPOCHS = 7;

/** What is trained: by default CMEDL. */
type Make = () => Regime;
interface Course {
  losses: Map<number, StepReport["losses"]>;
  dice: number[];
  checkpoint?: Uint8Array<ArrayBuffer>;
}

/** Trains from the start or from a checkpoint; stops after `until` steps. */
async function course(until: number, from?: Checkpoint, make: Make = tinyCmedl): Promise<Course> {
  using device = await newDevice();
  const controller = new AbortController();
  const found: Course = { losses: new Map(), dice: [] };
  using training = await Training.create(
    device,
    make(),
    tinyBatches(STEPS),
    { epochs: EPOCHS, validation: discs(4, 9, 0.3), config: { any: 1 } },
    from && { checkpoint: from, file: "memory" },
  );
  const outcome = await training.run(
    {
      onStep: (r) => {
        found.losses.set(r.steps, r.losses);
        if (r.steps === until && until < STEPS * EPOCHS) controller.abort();
      },
      onEpoch: (r) => void found.dice.push(r.validation!.dice.mean),
      save: async (bytes) => {
        found.checkpoint = bytes;
      },
    },
    controller.signal,
  );
  assert.is(outcome, until < STEPS * EPOCHS ? "interrupted" : "finished");
  return found;
}

let interrupted: Promise<Course> | undefined;
/** A run stopped after seven steps, in the middle of its second epoch. */
const first = (): Promise<Course> => (interrupted ??= course(7));

test("twenty steps after a resume are those of the uninterrupted run, bit for bit", async () => {
  const straight = await course(STEPS * EPOCHS);
  const checkpoint = await readCheckpoint((await first()).checkpoint!, "memory");
  assert.is(checkpoint.progress.steps, 7);
  assert.is(checkpoint.progress.step, 3);
  const second = await course(STEPS * EPOCHS, checkpoint);
  assert.is(second.losses.size, STEPS * EPOCHS - 7);
  for (const [steps, losses] of second.losses) assert.equal(losses, straight.losses.get(steps), `step ${steps}`);
  assert.equal(second.dice, straight.dice.slice(1));
});

test("a run that is told to stop at its last epoch's end has finished", async () => {
  using device = await newDevice();
  const controller = new AbortController();
  using training = await Training.create(device, tinyCmedl(), tinyBatches(1), { epochs: 2 });
  const epochs: number[] = [];
  const onEpoch = async ({ epoch }: { epoch: number }): Promise<void> => {
    epochs.push(epoch);
    if (epoch === 1) controller.abort();
  };
  assert.is(await training.run({ onEpoch }, controller.signal), "finished");
  assert.equal(epochs, [0, 1]);
});

test("a run goes on in arenas that are cut otherwise, bit for bit", async () => {
  const cut = () => tinyCmedl({ adam: { arenaBytes: 4096 } });
  assert.ok(cut().optimizers.some((o) => o.arenas.length > 1));
  const checkpoint = await readCheckpoint((await first()).checkpoint!, "memory");
  const whole = await course(10, checkpoint);
  const parts = await course(10, checkpoint, cut);
  assert.equal(parts.losses, whole.losses);
  const { tensors } = await readCheckpoint(parts.checkpoint!, "memory");
  for (const [name, { shape }] of checkpoint.tensors) assert.equal(tensors.get(name)!.shape, shape, name);
});

test("a run that stays near its start goes on with that start, bit for bit", async () => {
  const near: Make = () => {
    const regime = tinyCmedl();
    stayNearStart(regime, 10);
    return regime;
  };
  const straight = await course(12, undefined, near);
  const checkpoint = await readCheckpoint((await course(7, undefined, near)).checkpoint!, "memory");
  const start = tinyCmedl()
    .SC.parameters()
    .flatMap((p) => [...Array.from(p.initialData(), Math.fround)]);
  assert.equal([...checkpoint.tensors.get("optimizer.S.start")!.data], start);
  const second = await course(12, checkpoint, near);
  for (const [steps, losses] of second.losses) assert.equal(losses, straight.losses.get(steps), `step ${steps}`);
  assert.not.equal(straight.losses.get(7), (await first()).losses.get(7));
});

const dropping: Readonly<Record<string, (dropout?: number) => Segmentor>> = {
  DenseFCN: (dropout) => new DenseFcn({ width: 4, growth: 4, layers: 2, depth: 2, dropout }),
  MRRN: (dropout) => new Mrrn({ width: 2, units: 1, dropout }),
};
for (const [name, segmentor] of Object.entries(dropping)) {
  test(`${name} drops the same channels after a resume: bit for bit the uninterrupted run`, async () => {
    const make =
      (dropout?: number): Make =>
      () =>
        new StudentOnly({ seed: 3, segmentor: () => segmentor(dropout) });
    const last = 12;
    const straight = await course(last, undefined, make());
    const checkpoint = await readCheckpoint((await course(7, undefined, make())).checkpoint!, "memory");
    assert.equal(checkpoint.counters.streams, { "SC.random": 7 });
    const second = await course(last, checkpoint, make());
    assert.is(second.losses.size, last - 7);
    for (const [steps, losses] of second.losses) assert.equal(losses, straight.losses.get(steps), `step ${steps}`);
    assert.equal(second.dice, straight.dice.slice(1));
    // Without dropout the first step, from the same values, is another.
    assert.not.equal((await course(1, undefined, make(0))).losses.get(1), straight.losses.get(1));
  });
}

test("a checkpoint of one changed byte is refused", async () => {
  const { checkpoint } = await first();
  const bytes = checkpoint!.slice();
  bytes[bytes.length - 5]! ^= 1;
  await readCheckpoint(bytes, "run/x.safetensors").then(
    () => assert.unreachable(),
    (e: Error) => assert.match(e.message, /run\/x\.safetensors: data: differs from its own digest/),
  );
});

test("a checkpoint of another width is refused with the tensor named", async () => {
  const { checkpoint } = await first();
  using device = await newDevice();
  const parsed = await readCheckpoint(checkpoint!, "memory");
  assert.throws(
    () => restoreCheckpoint(device, tinyCmedl({ segmentor: () => new UNet({ width: 4 }) }), parsed, "memory"),
    /not those of this network/,
  );
});

test("a loss that is not finite stops training, is named, and is never saved", async () => {
  using device = await newDevice();
  const batches = tinyBatches(STEPS);
  const fill = batches.fill.bind(batches);
  batches.fill = (epoch, step, out) => {
    fill(epoch, step, out);
    if (step === 2) out.xM[7] = NaN;
  };
  let saves = 0;
  using training = await Training.create(device, tinyCmedl(), batches, { epochs: 2 });
  await training.run({ save: async () => void saves++ }).then(
    () => assert.unreachable(),
    (e: unknown) => {
      assert.instance(e, NumericalError);
      assert.match((e as Error).message, /epoch 1, step 3: .*(cycM|lossG) is NaN/);
    },
  );
  assert.is(saves, 0);
});

test.run();
