import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Cost,
  EXPERIMENTS,
  type Experiment,
  jobsOf,
  lengthFor,
  secondsOf,
  trainedJobs,
} from "../../train/experiments.ts";
import { PRESETS } from "../../train/config/presets.ts";

const test = suite("experiments");
const plans = Object.entries<Experiment>(EXPERIMENTS);

test("every row is a preset, has a name of its own, and what it is compared with is there", () => {
  for (const [name, plan] of plans) {
    for (const row of plan.rows) {
      assert.ok(row.preset in PRESETS, `${name}: ${row.preset}`);
      if (row.trainedAs)
        assert.ok(
          plan.rows.some((r) => r.preset === row.trainedAs && !r.trainedAs),
          `${name}: nothing trains ${row.trainedAs}`,
        );
      for (const numbers of Object.values(row.paper ?? {}))
        assert.is(numbers.length, plan.metrics.length, `${name}: ${row.name}`);
    }
    for (const part of new Set(plan.rows.map((r) => r.part))) {
      const names = plan.rows.filter((r) => r.part === part).map((r) => r.name);
      assert.is(new Set(names).size, names.length, name);
      assert.ok(names.includes(plan.reference), `${name}: no row ${plan.reference}`);
    }
  }
});

test("the paper's rows, in its order", () => {
  assert.equal(
    EXPERIMENTS.table1.rows.map((r) => r.name),
    ["CT only", "VAE-CMEDL", "CMEDL"],
  );
  assert.is(EXPERIMENTS.table3.rows.length, 9);
  assert.equal(
    EXPERIMENTS.table6.rows.map((r) => r.name),
    ["MRI only", "CMEDL", "CMEDL+pMRI"],
  );
  assert.is(EXPERIMENTS.table8.rows.length, 5);
});

test("a job is a row, a network, a seed, a fold; names are unique and fit for folders", () => {
  for (const [name, plan] of plans) {
    const jobs = jobsOf(plan, { segmentors: plan.segmentors, seeds: [0, 1], folds: 3 });
    assert.is(jobs.length, plan.rows.length * plan.segmentors.length * 6);
    assert.is(new Set(jobs.map((j) => j.id)).size, jobs.length, name);
    assert.ok(jobs.every((j) => /^[a-z0-9-]+$/.test(j.id)));
  }
  const jobs = jobsOf(EXPERIMENTS.table3, { segmentors: ["unet"], seeds: [0], folds: null });
  assert.is(trainedJobs(jobs).length, 8, "pMRI-CMEDL is another path through CMEDL's networks");
  assert.is(jobs.find((j) => j.row.preset === "pmri-cmedl")!.run, "cmedl-unet-seed0");
});

const costs: Cost[] = [
  { start: 5, step: 0.1, epoch: 1 },
  { start: 20, step: 1, epoch: 2 },
];
const total = (length: { epochs: number; steps: number }): number =>
  costs.reduce((s, c) => s + secondsOf(c, length), 0);

test("a budget becomes the largest equal number of steps that fits", () => {
  for (const [seconds, round] of [
    [300, 20],
    [1000, 20],
    [4000, 50],
    [600, 1000],
  ]) {
    const length = lengthFor(seconds!, costs, round!);
    assert.ok(total(length) <= seconds!, `${JSON.stringify(length)} takes ${total(length)} of ${seconds} s`);
    assert.ok(length.epochs >= 10 && length.steps <= round!);
    const more =
      length.steps < round! ? { ...length, steps: length.steps + 1 } : { ...length, epochs: length.epochs + 1 };
    assert.ok(total(more) > seconds!, `${JSON.stringify(more)} would fit too`);
  }
});

test("more time makes more epochs, never more than the paper's 100, and what is given stays", () => {
  assert.equal(lengthFor(1e9, costs, 20), { epochs: 100, steps: 20 });
  assert.equal(lengthFor(1e9, costs, 20, {}, 7).epochs, 7);
  assert.is(lengthFor(300, costs, 20, { epochs: 5 }).epochs, 5);
  assert.is(lengthFor(300, costs, 20, { steps: 7 }).steps, 7);
  assert.ok(total(lengthFor(300, costs, 20, { steps: 7 })) <= 300);
});

test("a budget that is too short still trains a step", () => {
  assert.equal(lengthFor(1, costs, 20), { epochs: 1, steps: 1 });
  assert.equal(lengthFor(40, costs, 20).steps, 1);
  assert.ok(total(lengthFor(40, costs, 20)) <= 40);
});

test.run();
