// A captured dispatch runs by itself, gives what was captured, and finds a wrong kernel by its first wrong number.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelSubject } from "../../cli/subject.ts";
import { captureStage, scalarOf, stageLine, stagesNamed } from "../../lab/capture.ts";
import { withLayers } from "../../lab/layers.ts";
import { writeCapture } from "../../node/lab/capture-folder.ts";
import { openDevice } from "../helpers/device.ts";

const test = suite("lab capture");
const tiny = modelSubject("unet", { pass: "training", size: 16, batch: 1, width: 4 });

const run = (folder: string): Promise<{ exitCode: number; stdout: string }> =>
  new Promise((done) =>
    execFile(process.execPath, [join(folder, "run.mjs")], (error, stdout) =>
      done({ exitCode: error ? Number(error.code ?? 1) : 0, stdout }),
    ),
  );

test("a stage is named by its number or by words, and its folder runs without this project", async () => {
  using device = await openDevice();
  using program = await device.compile(withLayers(tiny.make()), tiny.inputs, { mode: tiny.mode, name: "step" });
  const opened = program.opened();
  const [stage = -1] = stagesNamed(opened, "conv2d unet.up.3.conv2");
  assert.match(stageLine(opened, stage), /^\d+ conv2d-\S+ conv2d .* · unet\.up\.3\.conv2$/);
  assert.equal(stagesNamed(opened, String(stage)), [stage]);
  assert.equal(stagesNamed(opened, "no such words"), []);
  const folder = join(await mkdtemp(join(tmpdir(), "capture-")), "conv");
  await writeCapture(folder, await captureStage(program, tiny.feeds(), stage));
  assert.ok((await readdir(folder)).includes("README.md"));
  await symlink(resolve("node_modules"), join(folder, "node_modules"));
  const right = await run(folder);
  assert.equal([right.exitCode, /y: \d+ numbers, largest error .*; ok/.test(right.stdout)], [0, true], right.stdout);
  const wgsl = await readFile(join(folder, "kernel.wgsl"), "utf8");
  assert.ok(wgsl.includes("fn epilogue("));
  await writeFile(
    join(folder, "kernel.wgsl"),
    wgsl.replace(/(fn epilogue\([^)]*\) -> F \{)/, "$1 if (i > 2u) { return F(); }"),
  );
  const wrong = await run(folder);
  assert.is(wrong.exitCode, 1, wrong.stdout);
  assert.match(wrong.stdout, /WRONG first at \[\d+\]: got 0, want /);
});

test("a capture of each of a step's first stages is what the stage computes: another run gives the same", async () => {
  using device = await openDevice();
  using program = await device.compile(withLayers(tiny.make()), tiny.inputs, { mode: tiny.mode, name: "step" });
  for (const stage of [0, 3]) {
    const [a, b] = [await captureStage(program, tiny.feeds(), stage), await captureStage(program, tiny.feeds(), stage)];
    assert.equal(
      a.bindings.map(({ after }) => after),
      b.bindings.map(({ after }) => after),
    );
    assert.ok(
      a.bindings.some(({ after, before }) => after && !after.every((v, i) => v === before[i])),
      `stage ${stage}`,
    );
  }
});

test("the numbers of a binding are read from its type, by aliases", () => {
  assert.is(scalarOf("alias Elem4 = vec4<f16>;", "array<Elem4>"), "f16");
  assert.is(scalarOf("", "array<vec4<u32>, 3>"), "u32");
  assert.is(scalarOf("", "array<atomic<i32>>"), "i32");
  assert.is(scalarOf("", "Params"), "u32");
});

test.run();
