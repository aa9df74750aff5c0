// Splits written by a command, folds that train draws, and those of an experiment are the same.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { ExperimentData } from "../../node/experiment/data.ts";
import { Narrator } from "../../node/narrator.ts";
import { planRun } from "../../node/run/plan.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { cmedl } from "./command.ts";

const test = suite("split");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const json = async (name: string): Promise<unknown> => JSON.parse(await readFile(at(name), "utf8"));

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-split-"));
  const { image, mask } = phantomCase({ modality: "CT", seed: 1, index: 0, size: 16, slices: 2 });
  // P1 and P2 are in both folders; P3 has two scans.
  for (const [name, ids] of [
    ["ct", ["P1/P1_a", "P2/P2_a", "P3/P3_a", "P3/P3_b", "P4/P4_a", "P5/P5_a", "P6/P6_a"]],
    ["mr", ["P1/P1_m", "P2/P2_m", "M1/M1_m", "M2/M2_m"]],
  ] as const)
    for (const id of ids) {
      await mkdir(at(name, id, ".."), { recursive: true });
      await writeFile(at(name, `${id}_image.nii`), writeNifti(image.data as Int16Array<ArrayBuffer>, image));
      await writeFile(at(name, `${id}_mask.nii`), writeNifti(mask, image));
    }
});
test.after(() => rm(folder, { recursive: true, force: true }));

const config = (data: object) => presetConfig("cmedl", { data: { student: at("ct"), teacher: at("mr"), ...data } });

test("folds of train, of the file that split writes, and of an experiment are one", async () => {
  const written = await cmedl(["split", at("ct"), "--teacher", at("mr"), "--folds", "3", "-o", at("folds.json")]);
  assert.is(written.exitCode, 0, written.stderr);
  const data = await ExperimentData.ofFolders(
    { student: at("ct"), teacher: at("mr") },
    ["ct", "mr"],
    new Narrator({ quiet: true }),
  );
  const validated: string[] = [];
  for (const fold of [1, 2, 3]) {
    const drawn = await planRun(config({ fold: [fold, 3] }));
    const { test: tested, ...cases } = await data.cases(false, fold - 1, 3);
    assert.equal(drawn.config.cases, cases);
    assert.equal(tested, cases.studentVal);
    assert.is(drawn.splitBy, `fold ${fold} of 3, drawn by patient`);
    const read = await planRun(config({ splits: at("folds.json"), fold }));
    assert.equal(read.config.cases, cases);
    assert.match(read.splitBy, /folds\.json, fold/);
    const patients = new Set(cases.studentVal.map((id) => id.slice(0, 2)));
    assert.not.ok(
      cases.studentTrain.some((id) => patients.has(id.slice(0, 2))),
      "by patient",
    );
    assert.not.ok(
      cases.teacherTrain.some((id) => patients.has(id.slice(0, 2))),
      "the teacher's too",
    );
    validated.push(...cases.studentVal);
  }
  assert.is(new Set(validated).size, 7, "each case validates once");
  assert.is(validated.length, 7);
});

test("without folds the file holds what train would draw, and a share of patients for the test", async () => {
  const plain = await cmedl(["split", at("ct"), "--seed", "4", "-o", at("plain.json")]);
  assert.is(plain.stdout, `${at("plain.json")}\n`);
  const { cases } = (await planRun({ ...config({ teacher: "" }), regime: "ct-only", seed: 4 })).config;
  assert.equal(await json("plain.json"), { train: cases.studentTrain, val: cases.studentVal });
  const again = await cmedl(["split", at("ct"), "-o", at("plain.json")]);
  assert.is(again.exitCode, 7, "nothing is overwritten");

  const tested = await cmedl([
    "split",
    at("ct"),
    "--test",
    "0.3",
    "--validation",
    "0.25",
    "-o",
    at("ct", "splits.json"),
  ]);
  assert.is(tested.exitCode, 0, tested.stderr);
  const lists = (await json("ct/splits.json")) as Record<string, string[]>;
  assert.equal(Object.keys(lists), ["train", "val", "test"]);
  assert.is(new Set(Object.values(lists).flatMap((ids) => ids.map((id) => id.slice(0, 2)))).size, 6);
  assert.is(Object.values(lists).flat().length, 7);
  const found = await planRun({ ...config({ teacher: "" }), regime: "ct-only" });
  assert.equal(found.config.cases.studentTrain, lists.train);
  await rm(at("ct", "splits.json"));
});

test("folds that can't be are refused with the mend", async () => {
  const refused = async (args: string[], exitCode: number, says: RegExp): Promise<void> => {
    const { exitCode: found, stderr } = await cmedl(args);
    assert.match(stderr, says);
    assert.is(found, exitCode);
  };
  const train = ["train", "--student", at("ct"), "--teacher", at("mr"), "--out", at("run")];
  await refused([...train, "--fold", "6/5"], 2, /--fold 6\/5: give a number of at least 1, or two numbers \[i, k\]/);
  await refused([...train, "--fold", "1/9"], 3, /folds: 6 patients are too few for 9 folds; give at most as many/);
  await refused([...train, "--fold", "2"], 3, /there is no file of splits that fold 2 could be of; .*--fold 2\/5/);
  await refused(["split", at("ct"), "--folds", "1"], 2, /--folds 1: give a whole number of at least 2/);
  await refused(["split", at("ct"), "--test", "1"], 2, /--test 1: give a share between 0 and 1/);
});

test.run();
