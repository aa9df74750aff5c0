// What a run may be given beside its regime: early stopping, decay, moving averages, half precision, and the search
// for bad numbers.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, LimitExceededError, NumericalError, Variable, div, mul } from "../../engine/index.ts";
import { UNet } from "../../models/unet.ts";
import type { AdamOptions } from "../../train/adam.ts";
import { readCheckpoint, stateDictOf } from "../../train/checkpoint.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import {
  type EpochReport,
  type StepReport,
  Training,
  type TrainingHooks,
  type TrainingOptions,
} from "../../train/loop.ts";
import type { Batch, Losses } from "../../train/regime.ts";
import { environment } from "../helpers/environment.ts";
import { discs, tinyBatches } from "../helpers/tiny-cmedl.ts";

const test = suite("loop");

const small = (options: { rate?: number; adam?: Omit<AdamOptions, "rate" | "name"> } = {}): StudentOnly =>
  new StudentOnly({ seed: 3, segmentor: () => new UNet({ width: 4, depth: 2 }), rate: 1e-2, ...options });

interface Course {
  outcome: string;
  steps: StepReport[];
  epochs: EpochReport[];
  saved: Uint8Array<ArrayBuffer>[];
}

async function course(
  regime: StudentOnly,
  options: TrainingOptions,
  {
    stepsPerEpoch = 3,
    hooks = {},
    from,
  }: { stepsPerEpoch?: number; hooks?: TrainingHooks; from?: Uint8Array<ArrayBuffer> } = {},
): Promise<Course> {
  using device = await Device.open((await environment().gpu()).gpu);
  const found: Course = { outcome: "", steps: [], epochs: [], saved: [] };
  using training = await Training.create(
    device,
    regime,
    tinyBatches(stepsPerEpoch),
    options,
    from && { checkpoint: await readCheckpoint(from, "memory"), file: "memory" },
  );
  found.outcome = await training.run({
    onStep: (r) => void found.steps.push(r),
    onEpoch: (r) => void found.epochs.push(r),
    save: async (bytes) => void found.saved.push(bytes),
    ...hooks,
  });
  return found;
}

test("a step that the device can't hold names the batch that fits, or that none does", async () => {
  for (const [maxBufferBytes, said] of [
    [60_000, /^ct-only step: .* needs 65536 bytes, .* at most 60000; .*; a batch of 1 fits \(optimization\.batch\)$/],
    [20_000, /^ct-only step: .*; no smaller batch fits: make the images smaller \(data\.size\)/],
  ] as const) {
    using device = await Device.open((await environment().gpu()).gpu, { maxBufferBytes });
    try {
      await Training.create(device, small(), tinyBatches(1), { epochs: 1 });
      assert.unreachable();
    } catch (error) {
      assert.instance(error, LimitExceededError);
      assert.match((error as Error).message, said);
    }
    assert.is(device.counters.totalSubmits, 0);
  }
});

test("training stops once validation got no better for the epochs of its patience, and again on a resume", async () => {
  const options = { epochs: 9, validation: discs(4, 9, 0.3), patience: 2 };
  const first = await course(small({ rate: 0 }), options);
  assert.is(first.outcome, "stopped");
  // Nothing is learnt: the first epoch stays the best, but for what running statistics do.
  const best = first.epochs.findLastIndex((e) => e.isBest);
  assert.is(first.epochs.length, best + 3);
  const again = await course(small({ rate: 0 }), options, { from: first.saved.at(-1) });
  assert.is(again.outcome, "stopped");
  assert.is(again.steps.length, 0);
});

test("rates fall linearly from the epoch given to the last", async () => {
  const regime = small();
  const decays: number[] = [];
  await course(
    regime,
    { epochs: 5, decayFrom: 2 },
    { stepsPerEpoch: 1, hooks: { onStep: () => void decays.push(regime.optimize.S.decay) } },
  );
  assert.equal(decays, [1, 1, 1, 0.75, 0.5]);
});

test("a moving average is judged, kept by name in checkpoints, and resumed bit for bit", async () => {
  const make = () => small({ adam: { ema: 0.9 } });
  const options = { epochs: 2, validation: discs(4, 9, 0.3) };
  const straight = await course(make(), options);
  const { tensors } = await readCheckpoint(straight.saved[1]!, "memory");
  const plain = stateDictOf(tensors, "SC");
  const average = stateDictOf(tensors, "average.SC");
  assert.equal([...average.keys()], [...plain.keys()]);
  assert.not.equal(average.get("outc.conv.weight")!.data, plain.get("outc.conv.weight")!.data);
  const second = await course(make(), options, { from: straight.saved[0] });
  assert.equal(second.epochs[0]!.validation, straight.epochs[1]!.validation);
  const resumed = await readCheckpoint(second.saved[0]!, "memory");
  for (const [name, { data }] of tensors) assert.equal(resumed.tensors.get(name)?.data, data, name);
  // Without an average the same run is judged otherwise.
  assert.not.equal((await course(small(), options)).epochs[1]!.validation, straight.epochs[1]!.validation);
});

test("mixed precision follows f32, with losses scaled", async () => {
  const { adapter } = await environment().gpu();
  if (!adapter.features.has("shader-f16")) return;
  const half = await course(small({ adam: { scaled: true } }), { epochs: 2, precision: "mixed" }, { stepsPerEpoch: 5 });
  const full = await course(small(), { epochs: 2 }, { stepsPerEpoch: 5 });
  half.steps.forEach(({ losses, norms }, i) => {
    assert.ok(
      Math.abs(losses.lossS! - full.steps[i]!.losses.lossS!) < 0.03,
      `step ${i}: ${losses.lossS} against ${full.steps[i]!.losses.lossS}`,
    );
    // The first scales are too large for half precision: such a step updates nothing, and the next one is tried at
    // half the scale.
    assert.ok(Number.isFinite(norms.S) || i < 8);
  });
});

/** A regime whose loss is divided by what a variable holds: by 0 from a step on that a test chooses. */
class Fragile extends StudentOnly {
  readonly divisor = new Variable([], [1], { trainable: false, name: "divisor" });
  override step(batch: Batch): Losses {
    const { diceCT } = super.step(batch);
    // Halves itself: 1, ½, …, and soon is 0.
    this.divisor.assign(mul(this.divisor.value, 1e-15));
    return { diceCT: diceCT!, fragile: div(diceCT!, this.divisor.value) };
  }
}

for (const debugNans of [false, true]) {
  const found = debugNans ? "by a run that watches" : "by doing the run again";
  test(`a number that is not finite ends the run, and the first op that gave it is named ${found}`, async () => {
    const saved: Uint8Array<ArrayBuffer>[] = [];
    const run = course(
      new Fragile({ seed: 3, segmentor: () => new UNet({ width: 2, depth: 1 }) }),
      { epochs: 9, debugNans },
      {
        stepsPerEpoch: 2,
        hooks: {
          save: async (bytes) => void saved.push(bytes),
          latest: async () =>
            saved.length ? { checkpoint: await readCheckpoint(saved.at(-1)!, "memory"), file: "memory" } : undefined,
        },
      },
    );
    await run.then(
      () => assert.unreachable(),
      (e: unknown) => {
        assert.instance(e, NumericalError);
        const { message } = e as Error;
        assert.match(
          message,
          /epoch 2, step \d: .*div f32\[.*\] has 1 of 1 values that are not finite, computed from /,
        );
        assert.match(message, /computed from .*, all finite.*the last checkpoint is good/);
      },
    );
    assert.is(saved.length, 1);
  });
}

test("an epoch is told before its checkpoint, which counts it, and again once that is safe", async () => {
  const order: string[] = [];
  await course(
    small(),
    { epochs: 1 },
    {
      stepsPerEpoch: 1,
      hooks: {
        onStep: () => void order.push("step"),
        onEpochEnd: () => void order.push("end"),
        save: async () => void order.push("save"),
        onEpoch: () => void order.push("epoch"),
      },
    },
  );
  assert.equal(order, ["step", "end", "save", "epoch"]);
});

test.run();
