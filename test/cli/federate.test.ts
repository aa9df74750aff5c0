// Federated rounds by the commands: two sites' runs become one file, which the next round starts from.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SafetensorsTensor, readSafetensors, writeSafetensors } from "../../data/weights/safetensors.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { type Outcome, cmedl } from "./command.ts";

const test = suite("federate");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const tiny = ["--preset", "ct-only", "--size", "32", "--width", "2", "--batch", "2", "--steps", "2", "--epochs", "1"];
const train = (site: string, out: string, ...args: string[]): Promise<Outcome> =>
  cmedl(["train", "--student", at(site), "--out", at(out), ...tiny, ...args]);
const average = (...args: string[]): Promise<Outcome> => cmedl(["federate", "average", ...args]);

async function read(...parts: string[]): Promise<Map<string, SafetensorsTensor>> {
  return readSafetensors(new Uint8Array(await readFile(at(...parts)))).tensors;
}
async function studentOf(run: string): Promise<Map<string, SafetensorsTensor>> {
  const all = await read(run, "checkpoints", "best.safetensors");
  return new Map([...all].flatMap(([name, t]) => (name.startsWith("SC.") ? [[name.slice(3), t]] : [])));
}
const cases = async (run: string): Promise<number> =>
  (/studentTrain: \[([^\]]*)\]/.exec(await readFile(at(run, "config.yaml"), "utf8"))?.[1] ?? "").split(",").length;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-federate-"));
  await writePhantoms(at("a"), "CT", { size: 32, count: 3 });
  await writePhantoms(at("b"), "CT", { size: 32, count: 5, image: (values) => values.map((v) => v * 0.9) });
  for (const site of ["a", "b"]) {
    const { exitCode, stderr } = await train(site, `${site}1`, "--seed", "4");
    assert.is(exitCode, 0, stderr);
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("runs are averaged by their cases, and the next round starts from that and is drawn to it", async () => {
  const made = await average(at("a1"), at("b1"), "--weights", "cases", "-o", at("round.safetensors"));
  assert.is(made.exitCode, 0, made.stderr);
  assert.is(made.stdout, `${at("round.safetensors")}\n`);
  const [n, m] = [await cases("a1"), await cases("b1")];
  assert.ok(n < m, `${n} and ${m} cases`);
  assert.match(made.stderr, new RegExp(`b1.*SC: \\d+ tensors, ${((100 * m) / (n + m)).toFixed(1)} % of the mean`));
  const [a, b, mean] = [await studentOf("a1"), await studentOf("b1"), await read("round.safetensors")];
  assert.equal([...mean.keys()].sort(), [...a.keys()].sort());
  for (const [name, { data, shape }] of mean) {
    assert.equal(shape, a.get(name)!.shape, name);
    const [x, y] = [a.get(name)!.data as Float32Array, b.get(name)!.data as Float32Array];
    assert.equal([...(data as Float32Array)], [...Array.from(x, (v, i) => Math.fround((n * v + m * y[i]!) / (n + m)))]);
  }
  const near = ["--init", at("round.safetensors"), "--set", "optimization.proximal=5"];
  const next = await train("a", "a2", ...near);
  assert.is(next.exitCode, 0, next.stderr);
  const startOf = async (): Promise<Float32Array> =>
    (await read("a2", "checkpoints", "best.safetensors")).get("optimizer.S.start")!.data as Float32Array;
  const start = await startOf();
  const sorted = (values: Iterable<number>): number[] => [...values].sort((p, q) => p - q);
  const parameters = [...mean].filter(([name]) => !/running_/.test(name));
  assert.equal(
    sorted(start),
    sorted(parameters.flatMap(([, { data }]) => [...(data as Float32Array)])),
    "the start is the round's weights",
  );
  // What the run goes on with is drawn to the same weights, though those of the round are gone.
  await rm(at("round.safetensors"));
  const resumed = await cmedl(["train", "--resume", at("a2"), "--epochs", "2"]);
  assert.is(resumed.exitCode, 0, resumed.stderr);
  assert.equal(await startOf(), start);
});

test("files of other programs keep their names and what they say alike of themselves", async () => {
  const file = (name: string, value: number): Promise<void> => {
    const data = Float32Array.of(value, 1);
    return writeFile(at(name), writeSafetensors([["module.fc.weight", { shape: [1, 2], data }]], [["format", "pt"]]));
  };
  await file("x.safetensors", 1);
  await file("y.safetensors", 5);
  const made = await average(at("x.safetensors"), at("y.safetensors"), "--weights", "3,1", "-o", at("z.safetensors"));
  assert.is(made.exitCode, 0, made.stderr);
  const { tensors, metadata } = readSafetensors(new Uint8Array(await readFile(at("z.safetensors"))));
  assert.equal([...tensors.get("module.fc.weight")!.data], [2, 1]);
  assert.equal([...metadata], [["format", "pt"]]);
});

test("what can't be averaged is refused, and nothing is written or lost", async () => {
  const before = await readdir(folder);
  const [a, b] = [at("a1"), at("b1")];
  for (const [args, exitCode, message] of [
    [[a, b, "--weights", "1,2,3"], 2, /--weights 1,2,3 has 3 numbers for 2 sites/],
    [[a, b, "--weights", "1,0"], 2, /number 2 is none above 0/],
    [[a, at("x.safetensors"), "--weights", "cases"], 2, /x.safetensors is no run.*--weights 120,80/],
    [[a, at("x.safetensors")], 3, /x.safetensors: tensor .* is missing, .*a1 has it/],
    [[a, b, "--network", "GCM"], 2, /holds no network GCM; choose one of SC/],
    [[a, at("nowhere")], 7, /nowhere: does not exist/],
  ] as const) {
    const { exitCode: found, stderr } = await average(...args, "-o", at("out.safetensors"));
    assert.is(found, exitCode, stderr);
    assert.match(stderr, message);
  }
  const taken = await average(a, b, "-o", at("x.safetensors"));
  assert.is(taken.exitCode, 7, taken.stderr);
  const named = await average(a, b, "-o", at("out.pth"));
  assert.is(named.exitCode, 2, named.stderr);
  assert.equal(await readdir(folder), before);
});

test.run();
