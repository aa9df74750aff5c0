// What changes over a run: weights of terms that start late, by hand and in a step.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/index.ts";
import { Training } from "../../train/loop.ts";
import { courseAt } from "../../train/schedule.ts";
import { environment } from "../helpers/environment.ts";
import { tinyBatches, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("schedule");

test("a course is 0 until its start, rises evenly, and is 1 from its end on", () => {
  const course = (done: number): number => courseAt([0.2, 0.5], done, 500);
  assert.is(course(0), 0);
  assert.is(course(99), 0);
  assert.is(course(100), 1 / 150);
  assert.is(course(174), 75 / 150);
  assert.is(course(249), 1);
  assert.is(course(499), 1);
});

test("a course whose start is its end jumps", () => {
  assert.is(courseAt([0.2, 0.2], 99, 500), 0);
  assert.is(courseAt([0.2, 0.2], 100, 500), 1);
  assert.is(courseAt([0, 0], 0, 500), 1);
});

async function lossesOf(schedule?: { hint?: readonly [number, number]; segPC?: readonly [number, number] }) {
  using device = await Device.open((await environment().gpu()).gpu);
  const seen: Readonly<Record<string, number>>[] = [];
  const regime = tinyCmedl({ weights: { segPC: 1 }, ...(schedule ? { schedule } : {}) });
  using training = await Training.create(device, regime, tinyBatches(4), { epochs: 1 });
  await training.run({ onStep: ({ losses }) => void seen.push(losses) });
  return seen;
}

test("an epoch's report has the part of its weight that each scheduled term had at the end", async () => {
  using device = await Device.open((await environment().gpu()).gpu);
  const seen: Readonly<Record<string, number>>[] = [];
  const regime = tinyCmedl({ schedule: { hint: [0.25, 0.75], segPC: null } });
  using training = await Training.create(device, regime, tinyBatches(2), { epochs: 2 });
  await training.run({ onEpoch: ({ scheduled }) => void seen.push(scheduled) });
  assert.equal(seen, [{ hint: 0.5 }, { hint: 1 }]);
});

test("a term that has not started is logged and does not count; one that is full counts as without a schedule", async () => {
  const plain = await lossesOf();
  const full = await lossesOf({ hint: [0, 0], segPC: [0, 0] });
  const late = await lossesOf({ hint: [0.5, 0.5], segPC: [0.5, 0.5] });
  for (const [step, losses] of late.entries()) {
    assert.ok(Number.isFinite(losses.hintS), "hintS is logged");
    const { diceCT, dicePM, diceRM, dicePC, hintS, lossS } = losses as Record<string, number>;
    const part = step < 2 ? 0 : 1;
    const sum = 5 * (diceCT! + dicePM! + diceRM!) + part * (5 * dicePC! + hintS!);
    assert.ok(Math.abs(lossS! - sum) < 1e-5 * sum, `step ${step}: lossS ${lossS}, by hand ${sum}`);
  }
  for (const name of Object.keys(plain[0]!))
    assert.ok(Math.abs(plain[0]![name]! - full[0]![name]!) <= 1e-6 * Math.abs(plain[0]![name]!), name);
});

test.run();
