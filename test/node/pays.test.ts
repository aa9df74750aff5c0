// `experiment pays` without a GPU: its rows, who trains and who is tested on, what counts as nothing learned, and what
// the comparisons say.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ExperimentData } from "../../node/experiment/data.ts";
import { type PaysComparison, conclusions } from "../../node/experiment/pays-conclusion.ts";
import { PaysData } from "../../node/experiment/pays-data.ts";
import { planPays, scoreOf } from "../../node/experiment/pays-run.ts";
import { SliceCache } from "../../node/dataset/index.ts";
import { Narrator } from "../../node/narrator.ts";
import { PAYS_COMPARISONS, PAYS_ROWS, type PaysWord, paysJobs, paysLength, paysSteps } from "../../train/pays.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";

const test = suite("experiment pays");
const phantoms = PaysData.phantoms(32, new Narrator({ quiet: true }));
const plan = (patients: readonly number[], seeds: number, steps = 500) =>
  planPays(paysJobs(PAYS_ROWS, patients, seeds), phantoms, { size: 32, generator: 8, steps, given: [] });

test("rows differ in hint, pseudo CT and intensities alone", async () => {
  const [first, ...others] = await plan([3], 1);
  for (const { config, row } of [first!, ...others]) {
    const { weights, schedule, ...losses } = config.losses;
    const shared = { ...config, regime: "", losses, augmentation: { ...config.augmentation, intensity: null } };
    const { weights: _w, schedule: _s, ...firstLosses } = first!.config.losses;
    const firstShared = {
      ...first!.config,
      regime: "",
      losses: firstLosses,
      augmentation: { ...first!.config.augmentation, intensity: null },
    };
    assert.equal(shared, firstShared, row.word);
    const { hint, segPC, ...rest } = weights;
    const { hint: _h, segPC: _p, ...firstRest } = first!.config.losses.weights;
    assert.equal(rest, firstRest, row.word);
    const expected: Record<PaysWord, unknown[]> = {
      ct: ["ct-only", null, null, 0],
      "ct-intensity": ["ct-only", null, null, 0.4],
      hints: ["cmedl", [0.2, 0.5], "none", 0],
      paper: ["cmedl", "first step", "none", 0],
      "pseudo-ct": ["cmedl", "none", [0.2, 0.2], 0],
      pmri: ["cmedl", [0.2, 0.5], [0.2, 0.2], 0],
    };
    const told = (weight: number, course: unknown): unknown =>
      config.regime === "ct-only" ? null : weight === 0 ? "none" : (course ?? "first step");
    assert.equal(
      [config.regime, told(hint, schedule.hint), told(segPC, schedule.segPC), config.augmentation.intensity.contrast],
      expected[row.word],
    );
  }
  const { optimization, networks } = first!.config;
  assert.equal(optimization.rates, { G: 2e-3, D: 1e-3, S: 2e-3 });
  assert.equal(
    [optimization.epochs, optimization.steps, optimization.decayFrom, optimization.patience, optimization.batch],
    [20, 25, 10, null, 4],
  );
  assert.equal(
    [networks.segmentor.width, networks.segmentor.prior, networks.generator],
    [8, 0.0474, { width: 8, blocks: 2 }],
  );
});

test("a run's steps are divided into 20 epochs, or fewer where they are fewer", () => {
  assert.equal([paysSteps(32), paysSteps(64)], [500, 1000]);
  assert.equal(paysLength(1000), { epochs: 20, steps: 50, decayFrom: 10 });
  assert.equal(paysLength(4), { epochs: 4, steps: 1, decayFrom: 2 });
  assert.throws(() => paysLength(30), /multiple of 20/);
});

test("the first k of 12 CT patients and 24 MR patients train; 48 others are tested on; seeds have other patients", async () => {
  const jobs = await plan([1, 3], 2);
  assert.is(jobs.length, 24);
  assert.is(new Set(jobs.map((job) => job.id)).size, 24);
  for (const { config, test, patients, seed } of jobs) {
    const { studentTrain, studentVal, teacherTrain } = config.cases;
    assert.equal(studentTrain, ["ct-001", "ct-002", "ct-003"].slice(0, patients));
    assert.equal([studentVal.length, teacherTrain.length, test.length, config.seed], [4, 24, 48, seed]);
    assert.equal(
      test.filter((id) => [...studentTrain, ...studentVal].includes(id)),
      [],
    );
  }
  const image = async (seed: number): Promise<unknown> =>
    [...(await phantoms.rolesOf(seed).student.load("ct-020")).image.data].slice(400, 500);
  assert.not.equal(await image(0), await image(1));
  await phantoms.cases(0, 13).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /--student-cases 13: 12 patients can train/),
  );
});

test("a run is divided into the epochs that are asked for: those of the demo are of 25 steps, however many", async () => {
  for (const epochs of [2, 4, 30]) {
    const jobs = paysJobs(PAYS_ROWS.slice(0, 1), [3], 1);
    const request = { size: 32, generator: 8, steps: 25 * epochs, epochs, given: [] };
    const [{ config }] = (await planPays(jobs, phantoms, request)) as [Awaited<ReturnType<typeof planPays>>[number]];
    const { optimization } = config;
    assert.equal([optimization.epochs, optimization.steps, optimization.decayFrom], [epochs, 25, epochs / 2]);
  }
});

test("slices of folders are kept in a cache, those of the test too, and are the same", async () => {
  const root = await mkdtemp(join(tmpdir(), "cmedl-pays-"));
  const quiet = new Narrator({ quiet: true });
  try {
    await writePhantoms(join(root, "ct"), "CT", { size: 32, slices: 3, count: 8 });
    await writePhantoms(join(root, "mr"), "MR", { size: 32, slices: 3, count: 2 });
    const slicesOf = async (cache?: SliceCache) => {
      using data = await PaysData.folders({ data: root }, quiet, { cache });
      const jobs = paysJobs(PAYS_ROWS.slice(0, 1), [2], 1);
      const [job] = await planPays(jobs, data, { size: 32, generator: 2, steps: 20, given: [] });
      const { student, test: tested } = await data.sets(job!.config, job!.test);
      const image = new Float32Array(32 ** 2);
      student.copyImage(1, image);
      return [student.count, image, tested.images, tested.masks];
    };
    const plain = await slicesOf();
    const cache = await SliceCache.open(join(root, "cache"));
    assert.equal(await slicesOf(cache), plain);
    assert.ok(cache.made > 2 && cache.found === 0, `${cache.made} made, ${cache.found} found`);
    const again = await SliceCache.open(join(root, "cache"));
    assert.equal(await slicesOf(again), plain);
    assert.equal([again.made, again.found], [0, cache.made]);
  } finally {
    await rm(root, { recursive: true });
  }
});

test('of folders those of "test" are tested on, else those that validate; without splits a quarter of the patients', async () => {
  const root = await mkdtemp(join(tmpdir(), "cmedl-pays-"));
  const quiet = new Narrator({ quiet: true });
  const told = async (lists?: object): Promise<[string, Record<string, readonly string[]>]> => {
    await rm(join(root, "splits.json"), { force: true });
    if (lists) await writeFile(join(root, "splits.json"), JSON.stringify(lists));
    using data = await PaysData.folders({ data: root }, quiet);
    return [data.says.replace(/^.*, split/, "split"), { ...(await data.cases(0, 2)) }];
  };
  try {
    await writePhantoms(join(root, "ct"), "CT", { size: 32, slices: 2, count: 8 });
    await writePhantoms(join(root, "mr"), "MR", { size: 32, slices: 2, count: 2 });
    const ct = (from: number, to: number): string[] => [...Array(9).keys()].slice(from, to).map((i) => `ct-00${i}`);
    const lists = { train_ct: ct(1, 3), val_ct: ct(3, 6), train_mr: ["mr-001", "mr-002"] };
    const [without, cases] = await told(lists);
    assert.equal([cases.studentVal, cases.test], [ct(3, 6), ct(3, 6)]);
    assert.match(without, /names no test cases: those that validate are tested on, and chose the best epoch/);
    const [given, tested] = await told({ ...lists, test: ct(6, 9) });
    assert.equal([given, tested.studentVal, tested.test], ["split by splits.json", ct(3, 6), ct(6, 9)]);
    const [drawn, parts] = await told();
    assert.equal([drawn, parts.studentVal!.length, parts.test!.length], ["split by patients drawn once", 1, 2]);
  } finally {
    await rm(root, { recursive: true });
  }
});

test("nothing was learned where every Dice is 0 or every patient's mask is one constant", () => {
  const size = 2;
  const origins = ["a", "a", "b"].map((id) => ({ id }));
  const set = { size, count: 3, images: new Float32Array(12), masks: [0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1], origins };
  const learned = (...foreground: number[]): boolean => scoreOf(Float32Array.from(foreground), set, 4).learned;
  assert.not.ok(learned(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  assert.not.ok(learned(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), "all foreground has a Dice, and is constant");
  assert.not.ok(learned(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0), "each patient's constant is its own");
  assert.not.ok(learned(1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0), "masks beside the structure");
  assert.ok(learned(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(scoreOf(Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), set, 4).dice, { a: 2 / 3, b: 0 });
});

const compared = (
  word: PaysWord,
  other: PaysWord,
  [mean, p, n = 10]: readonly [mean: number, p: number, n?: number],
): PaysComparison => ({
  row: PAYS_ROWS.find((row) => row.word === word)!,
  against: PAYS_ROWS.find((row) => row.word === other)!,
  difference: { mean, low: mean - 0.05, high: mean + 0.05, n },
  ahead: mean > 0 ? n : 0,
  p,
  patientsAhead: 0,
  patientsBehind: 0,
  failed: Number.isNaN(p) ? [3] : [],
});

test("a gain is told with its numbers, and where nothing is gained that is told", () => {
  assert.equal(
    conclusions(
      [
        compared("hints", "ct", [-0.014, 0.63]),
        compared("paper", "ct", [-0.2, 0.002]),
        compared("pseudo-ct", "ct", [0.16, NaN]),
        compared("ct-intensity", "ct", [0.1, 0.0625, 5]),
      ],
      "ct",
    ),
    [
      "Hints alone, late against CT only: no gain is shown, −0.014 [−0.064, +0.036] Dice over 10 seeds, ahead in 0, p = 0.630",
      "CMEDL as in the paper against CT only: a loss, −0.200 [−0.250, −0.150] Dice over 10 seeds, ahead in 0, p = 0.0020",
      "Pseudo CT without hints against CT only: not tested, a row learned nothing in half of its runs or more (seeds 3)",
      "CT only, intensities augmented against CT only: no gain is shown, +0.100 [+0.050, +0.150] Dice over 5 seeds, " +
        "ahead in 5, p = 0.063; 5 seeds cannot give p below 0.05",
    ],
  );
});

test("a gain is called the hint's only where the row without hints gains less", () => {
  const whole = compared("pmri", "ct", [0.17, 0.0005]);
  const last = (...others: PaysComparison[]): string => conclusions([whole, ...others], "ct").at(-1)!;
  const gain = compared("pseudo-ct", "ct", [0.16, 0.002]);
  const noGain = compared("pseudo-ct", "ct", [0.06, 0.2]);
  assert.match(
    last(gain, compared("pmri", "pseudo-ct", [0.01, 0.7])),
    /is that of pseudo CT and not shown to be the hint's/,
  );
  assert.match(last(gain, compared("pmri", "pseudo-ct", [-0.1, 0.01])), /without hints it is larger/);
  assert.match(last(gain, compared("pmri", "pseudo-ct", [0.1, 0.01])), /comes from both/);
  assert.match(last(noGain, compared("pmri", "pseudo-ct", [0.1, 0.01])), /only with both/);
  assert.match(last(noGain, compared("pmri", "pseudo-ct", [0.1, 0.3])), /comes from is not shown/);
  assert.match(last(), /is not known: pseudo CT without hints was not tested/);
  assert.match(conclusions([whole], "ct")[0]!, /a gain, .*p < 0\.001$/);
  assert.is(conclusions([compared("pmri", "ct", [0.1, 0.2]), gain], "ct").length, 2, "no gain, nothing to attribute");
});

test("each row is compared with CT only, and the whole with each of its parts", () => {
  const words = PAYS_ROWS.map((row) => row.word);
  for (const word of words.filter((w) => w !== "ct"))
    assert.ok(PAYS_COMPARISONS.some(([row, against]) => row === word && against === "ct"));
  for (const part of ["ct-intensity", "pseudo-ct", "hints"])
    assert.ok(PAYS_COMPARISONS.some(([row, against]) => row === "pmri" && against === part));
});

test("phantoms of either modality are made of the same patients, for pseudo images to be held against", async () => {
  const data = ExperimentData.ofPhantoms(["CT", "MR"], 16, new Narrator({ quiet: true }));
  const { real, paired } = data.realImages(false);
  assert.ok(!real.cases.some(({ id }) => paired!.cases.some((c) => c.id === id)));
  const mr = await paired!.load("ct-003");
  const ct = await data.roles.student.load("ct-003");
  assert.equal(mr.mask, ct.mask);
  assert.equal(mr.image.affine, ct.image.affine);
  assert.not.equal(mr.image.data, ct.image.data);
});

test.run();
