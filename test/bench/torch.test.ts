// PyTorch beside ours: which cases, what is said where it is missing, and both on the same work where it is installed.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { networkCases } from "../../bench/cases/network-cases.ts";
import { stepCases } from "../../bench/cases/step-cases.ts";
import { reportMarkdown } from "../../bench/say/markdown.ts";
import type { Report } from "../../bench/say/report.ts";
import { besideRows, compared, threadsHere, torchCases } from "../../bench/torch/beside.ts";
import { Python } from "../../bench/torch/python.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("bench beside PyTorch");
const whyNot = (path: string): Promise<string> =>
  Python.start(path, 1).then(
    () => "",
    (error: Error) => error.message,
  );

test("without words networks and steps that bench/torch has, with words kernels too, and none that it lacks", () => {
  const names = (...words: string[]): string[] => torchCases(words, true, {}).map((c) => c.name);
  const all = names();
  for (const start of ["unet training", "sd-unet", "resnet-50", "ct-only step, unet 16", "demo's cmedl step"])
    assert.ok(
      all.some((name) => name.startsWith(start)),
      start,
    );
  assert.not.ok(all.some((name) => /^conv|vae-cmedl/.test(name)));
  const kernels = names("kernel", "conv", "3x3", "fwd");
  assert.ok(kernels.length > 20 && kernels.every((name) => / 3×3 .* fwd$/.test(name)));
  assert.throws(() => names("vae-cmedl"), /bench\/torch has none of these cases: vae-cmedl step/);
});

test("threads are those that the adapter takes", () => {
  assert.is(threadsHere("3").threads, 3);
  assert.is(threadsHere("0").threads, 1);
  assert.match(threadsHere("").why, "each core");
});

test("results agree but for rounding, by their names; less closely after an update", () => {
  const theirs = { lossS: [1], lossG: [2] };
  assert.is(compared({ lossS: [1.0001], lossG: [2] }, theirs).wrong, undefined);
  const after = compared({ lossS: [1.01], lossG: [2] }, theirs, /S$/);
  assert.equal(after, { checked: "PyTorch's results: off by 0.0e+0 (lossG), after an update by 1.0e-2 (lossS)" });
  assert.match(compared({ lossS: [1.01], lossG: [2] }, theirs).wrong!, /off by 1\.0e-2 \(lossS\)/);
  assert.is(compared({ lossS: [1] }, theirs).wrong, "only one side gives lossG");
});

test("where Python or PyTorch is missing, a sentence says what to install", async () => {
  const missing = await whyNot("/no/such/python3");
  assert.match(missing, /\/no\/such\/python3 can't be run: install it \(.*apt install python3-torch.*--python PATH$/);
  if (process.platform === "win32") return;
  const folder = await mkdtemp(join(tmpdir(), "cmedl-python-"));
  const bare = join(folder, "python3");
  try {
    await writeFile(bare, "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n");
    await chmod(bare, 0o755);
    assert.match(await whyNot(bare), /^--torch-cpu needs PyTorch, which .*python3 does not have: install it/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("PyTorch and ours compute the same from the same weights, and both have times", async () => {
  const scale = { size: 32, batch: 2, share: 0.125 };
  const cases = [...networkCases(scale), ...stepCases(scale)];
  let python: Python | undefined;
  for (const path of ["python3", "/usr/bin/python3"]) python ??= await Python.start(path, 1).catch(() => undefined);
  if (!python) return console.log("no PyTorch here: not tested");
  try {
    const { gpu } = await environment().gpu();
    const sides = { gpu, python, driverMs: undefined, seconds: 0.01, isStopped: () => false };
    for (const start of ["unet training", "demo's cmedl step"]) {
      const [theirs, ours] = await besideRows(cases.find((c) => c.name.startsWith(start))!, sides);
      assert.is(ours.wrong, undefined);
      assert.match(ours.checked!, /^PyTorch's results: off by \d/);
      assert.ok(theirs.ms!.median > 0 && theirs.cpuMs!.median > 0 && ours.against!.ratio > 0);
      const about = {
        engine: "cmedl",
        adapter: "a",
        software: true,
        date: "",
        command: "c",
        host: "h",
        beside: "PyTorch",
      };
      const report: Report = { ...about, rows: [theirs, ours] };
      assert.match(reportMarkdown(report), `| ${theirs.name.replace(" · pytorch", "")} | `);
    }
  } finally {
    python.end();
  }
});

test.run();
