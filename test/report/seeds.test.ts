// Rows compared over seeds: what is tested, what is not, and numbers worked out by hand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type SeedRun, compareSeeds, summarizeSeeds } from "../../report/seeds.ts";

const test = suite("seeds");
const close = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} is not ${b}`);

/** A run whose patients score `mean` plus small steps of their own. */
const run = (seed: number, mean: number, { patients = 8, learned = true } = {}): SeedRun => ({
  seed,
  learned,
  patients: Object.fromEntries(
    Array.from({ length: patients }, (_, i) => [`s${seed}-${i}`, mean + 0.01 * (i - (patients - 1) / 2)]),
  ),
});
const runs = (means: readonly number[]): SeedRun[] => means.map((mean, seed) => run(seed, mean));

test("a row's mean and spread are over seeds, not over patients", () => {
  const { mean, std, n, failed } = summarizeSeeds([...runs([0.4, 0.6]), run(2, 0, { learned: false })]);
  close(mean, 1 / 3);
  close(std, Math.sqrt(((0.4 - 1 / 3) ** 2 + (0.6 - 1 / 3) ** 2 + 1 / 9) / 2));
  assert.equal([n, failed], [3, 1]);
});

test("six seeds ahead by different amounts: exact p 2/64, and the interval by t of five degrees", () => {
  const gains = [0.1, 0.12, 0.14, 0.16, 0.18, 0.2];
  const found = compareSeeds(runs(gains.map((g) => 0.4 + g)), runs(gains.map(() => 0.4)));
  assert.equal([found.ahead, found.difference.n, found.failed.length], [6, 6, 0]);
  close(found.p, 2 / 64);
  close(found.difference.mean, 0.15);
  // 2.5705818366147395 is scipy.stats.t.ppf(0.975, 5); the variance of the gains is 0.0014.
  assert.ok(Math.abs(found.difference.high - 0.15 - 2.5705818366147395 * Math.sqrt(0.0014 / 6)) < 1e-9);
  assert.equal([found.patientsAhead, found.patientsBehind], [6, 0]);
});

test("patients of a seed are tested by themselves, either way", () => {
  const found = compareSeeds(runs([0.5, 0.3, 0.4]), runs([0.4, 0.4, 0.4]));
  assert.equal([found.ahead, found.patientsAhead, found.patientsBehind], [1, 1, 1]);
  const few = compareSeeds([run(0, 0.5, { patients: 4 })], [run(0, 0.4, { patients: 4 })]);
  assert.equal([few.patientsAhead, few.patientsBehind], [0, 0], "four patients cannot give p < 0.05");
});

test("only seeds that both rows have are compared", () => {
  const found = compareSeeds([run(0, 0.5), run(3, 0.9)], [run(1, 0.4), run(3, 0.8)]);
  assert.is(found.difference.n, 1);
  close(found.difference.mean, 0.1);
  assert.ok(Number.isNaN(compareSeeds([run(0, 0.5)], []).p));
});

const failing = (rows: readonly SeedRun[], seeds: readonly number[]): SeedRun[] =>
  rows.map((r) => (seeds.includes(r.seed) ? run(r.seed, 0, { learned: false }) : r));
const good = runs([0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);

test("a run that learned nothing is named, and counts with its Dice", () => {
  const found = compareSeeds(failing(good, [4]), runs([0.35, 0.44, 0.53, 0.62, 0.71, 0.8]));
  assert.equal([found.failed, found.ahead, found.difference.n], [[4], 5, 6]);
  // Five gains of 0.05, 0.06, 0.07, 0.08 and 0.1, and a loss of 0.71 of the largest rank: W = 6, exact p 28/64.
  close(found.p, 28 / 64);
});

test("a row half of whose runs learned nothing is not tested, on either side", () => {
  const bad = failing(runs([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), [0, 2, 4]);
  for (const found of [compareSeeds(good, bad), compareSeeds(bad, good)]) {
    assert.equal(found.failed, [0, 2, 4]);
    assert.ok(Number.isNaN(found.p) && Number.isNaN(found.difference.low) && Number.isNaN(found.difference.high));
    assert.equal([found.patientsAhead, found.patientsBehind, found.difference.n], [0, 0, 6]);
    assert.ok(Math.abs(found.difference.mean) > 0.5);
  }
});

test.run();
