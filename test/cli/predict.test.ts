// What is made with a trained run: masks of a folder of images, their probabilities, tidied masks, pseudo images.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillHoles, keepLargest } from "../../data/components.ts";
import { parseNifti, writeNifti } from "../../data/formats/nifti.ts";
import { percentiles } from "../../data/percentiles.ts";
import { toLps } from "../../data/orientation.ts";
import type { Volume } from "../../data/volume.ts";
import { Device } from "../../engine/index.ts";
import { loadModel, segmentVolume } from "../../inference/index.ts";
import { readModelZip } from "../../train/model-zip.ts";
import { readVolume } from "../../node/dataset/index.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("predict and translate");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);
const tiny = ["--size", "32", "--width", "2", "--blocks", "1", "--batch", "2", "--steps", "3", "--epochs", "1"];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-predict-"));
  await writePhantoms(at("ct"), "CT");
  await writePhantoms(at("mr"), "MR");
  const data = ["--student", at("ct"), "--teacher", at("mr")];
  for (const args of [
    [...data, "--out", at("run")],
    [
      ...data,
      "--teacher",
      at("ct"),
      "--out",
      at("hu"),
      "--set",
      "data.teacherIntensity={kind: window, low: -160, high: 240}",
    ],
    ["--student", at("ct"), "--preset", "ct-only", "--out", at("alone")],
  ]) {
    const { exitCode, stderr } = await cmedl(["train", ...args, ...tiny]);
    assert.is(exitCode, 0, stderr);
  }
});
test.after(() => rm(folder, { recursive: true, force: true }));

const read = async (path: string): Promise<Volume> => parseNifti(new Uint8Array(await readFile(path)), path);

test("a folder's images get a mask each, under the names of their cases; one that fails does not stop the others", async () => {
  await mkdir(at("scans"));
  for (const id of ["001", "002", "003"])
    await writeFile(at("scans", `p${id}.nii.gz`), await readFile(at("ct", `ct-${id}_image.nii.gz`)));
  await writeFile(at("scans", "p002.nii.gz"), new Uint8Array(50));
  const many = await cmedl(["predict", at("run"), at("scans"), "-o", at("masks")]);
  assert.is(many.exitCode, 3, many.stderr);
  assert.equal(many.stdout.trim().split("\n"), [at("masks", "p001.nii.gz"), at("masks", "p003.nii.gz")]);
  assert.match(many.stderr, /failed: .*p002.nii.gz: .*\n/);
  assert.match(many.stderr, /cmedl: 1 of 3 images failed: .*p002.nii.gz\n$/);
  assert.equal((await readdir(at("masks"))).sort(), ["p001.nii.gz", "p003.nii.gz", "predictions.jsonl"]);
  const alone = await cmedl(["predict", at("run"), at("scans", "p003.nii.gz"), "-o", at("one.nii.gz")]);
  assert.is(alone.exitCode, 0, alone.stderr);
  assert.equal((await read(at("one.nii.gz"))).data, (await read(at("masks", "p003.nii.gz"))).data);

  const again = await cmedl(["predict", at("run"), at("scans"), "-o", at("masks")]);
  assert.is(again.exitCode, 7);
  assert.match(again.stderr, /p001.nii.gz: exists already; .*--force/);
  const own = await cmedl(["predict", at("run"), at("scans"), "-o", at("scans"), "--force"]);
  assert.is(own.exitCode, 2, "images are not overwritten, even by --force");
  assert.match(own.stderr, /p001.nii.gz is an image that is read; name another place/);
});

test("parts of a folder are segmented apart, and what is missing is segmented later", async () => {
  const lines = async (name: string): Promise<Record<string, unknown>[]> =>
    (await readFile(at("parts", name), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const predict = (...more: string[]) => cmedl(["predict", at("run"), at("archive"), "-o", at("parts"), ...more]);
  await mkdir(at("archive"));
  for (const id of ["001", "002", "003"])
    await writeFile(at("archive", `p${id}.nii.gz`), await readFile(at("ct", `ct-${id}_image.nii.gz`)));
  await writeFile(at("archive", "p002.nii.gz"), new Uint8Array(50));

  const first = await predict("--shard", "1/2");
  assert.equal([first.exitCode, (await readdir(at("parts"))).length], [0, 3], first.stderr);
  assert.match(first.stderr, /2 images to segment, of 2 in this part of 3/);
  const [one, three] = await lines("predictions-1-of-2.jsonl");
  assert.equal([one!.mask, three!.mask], [at("parts", "p001.nii.gz"), at("parts", "p003.nii.gz")]);
  assert.is(typeof (three!.structures as { ml: number }[])[0]!.ml, "number");

  const second = await predict("--shard", "2/2");
  assert.is(second.exitCode, 3, second.stderr);
  assert.match(String((await lines("predictions-2-of-2.jsonl"))[0]!.failed), /p002\.nii\.gz/);

  await writeFile(at("archive", "p002.nii.gz"), await readFile(at("ct", "ct-002_image.nii.gz")));
  const rest = await predict("--resume");
  assert.equal([rest.exitCode, rest.stdout], [0, `${at("parts", "p002.nii.gz")}\n`], rest.stderr);
  assert.match(rest.stderr, /1 image to segment; 2 have their masks/);
  const done = await predict("--resume");
  assert.equal([done.exitCode, done.stdout], [0, ""], done.stderr);
});

for (const [name, more, sentence] of [
  ["a part that is none", ["--shard", "3/2"], /--shard 3\/2: give a part and how many there are/],
  ["keeping and overwriting", ["--resume", "--force"], /'--resume' cannot be used with option '--force'/],
] as const) {
  test(`${name}: exit 2 and one sentence`, async () => {
    const { exitCode, stderr } = await cmedl(["predict", at("run"), at("ct"), "-o", at("none"), ...more, "-q"]);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, sentence);
  });
}

test("probabilities are those that the mask is of; parts and holes are tidied after", async () => {
  const image = at("ct", "ct-001_image.nii.gz");
  const plain = await cmedl(["predict", at("run"), image, "-o", at("plain.nii.gz"), "--probabilities"]);
  assert.is(plain.exitCode, 0, plain.stderr);
  const map = await read(at("plain_probability.nii.gz"));
  assert.ok(map.data instanceof Float32Array);
  // Three steps teach little: what is above a tenth of the voxels is taken for the structure.
  const [high] = percentiles(map.data, [90]);
  const threshold = ["--threshold", String(high)];
  const cut = await cmedl(["predict", at("run"), image, "-o", at("cut.nii.gz"), ...threshold]);
  assert.is(cut.exitCode, 0, cut.stderr);
  const mask = await read(at("cut.nii.gz"));
  assert.equal(map.affine, mask.affine);
  const above = Uint8Array.from(map.data, (p) => Number(p > high));
  assert.equal(mask.data, above);
  assert.ok(
    above.some((v) => v === 1),
    "else nothing is tested",
  );
  const tidy = ["--largest", "1", "--fill-holes"];
  const tidied = await cmedl(["predict", at("run"), image, "-o", at("tidy.nii"), ...threshold, ...tidy]);
  assert.is(tidied.exitCode, 0, tidied.stderr);
  const found = await read(at("tidy.nii"));
  assert.equal(found.data, fillHoles(keepLargest(above, mask.shape, 1), mask.shape));
  const none = await cmedl(["predict", at("run"), image, "-o", at("x.nii"), "--largest", "0"]);
  assert.is(none.exitCode, 2);
  const map2 = await cmedl(["predict", at("run"), image, "-o", at("plain.nii"), "--probabilities"]);
  assert.is(map2.exitCode, 7, "plain_probability.nii.gz exists");
});

test("translate writes the pseudo image on the image's grid, in 0 to 1, or in HU of a window", async () => {
  // Stored in another order: the grid is the file's own.
  const image = await read(at("ct", "ct-002_image.nii.gz"));
  const { exitCode, stdout, stderr } = await cmedl([
    "translate",
    at("run"),
    at("ct", "ct-002_image.nii.gz"),
    "-o",
    at("pseudo.nii.gz"),
  ]);
  assert.is(exitCode, 0, stderr);
  assert.is(stdout, `${at("pseudo.nii.gz")}\n`);
  const pseudo = await readVolume(at("pseudo.nii.gz"));
  assert.ok(pseudo.data instanceof Float32Array);
  assert.equal([pseudo.shape, pseudo.affine], [image.shape, image.affine]);
  const [least, greatest] = [Math.min(...pseudo.data), Math.max(...pseudo.data)];
  assert.ok(least >= 0 && greatest <= 1 && greatest > least, `${least} … ${greatest}`);
  // Turned round in the file, the same image has the same pseudo image, turned round.
  const sform = image.geometry.sform.map((v, i) =>
    i === 0 ? -v : i === 3 ? v + (image.shape[0] - 1) * image.geometry.sform[0]! : v,
  );
  const [nx] = image.shape;
  const turned = Int16Array.from(image.data, (_, i) => image.data[i - (i % nx) + (nx - 1 - (i % nx))]!);
  const geometry = { ...image.geometry, qformCode: 0, sformCode: 1, sform };
  await writeFile(at("turned.nii"), writeNifti(turned, { ...image, geometry }, { gzip: false }));
  const mirrored = await cmedl(["translate", at("run"), at("turned.nii"), "-o", at("pseudo-turned.nii")]);
  assert.is(mirrored.exitCode, 0, mirrored.stderr);
  assert.equal(toLps(await read(at("pseudo-turned.nii"))).data, toLps(pseudo).data);

  const hu = await cmedl(["translate", at("hu"), at("ct", "ct-002_image.nii.gz"), "-o", at("hu.nii.gz")]);
  assert.is(hu.exitCode, 0, hu.stderr);
  const values = (await read(at("hu.nii.gz"))).data;
  assert.ok(Math.min(...values) >= -160 && Math.max(...values) <= 240 && Math.max(...values) > 1);
});

test("pseudo images are tested against real ones: their values, and voxel by voxel those of equal ids", async () => {
  interface Tested {
    cases: Record<string, { KL: number; SSIM: number | null; PSNR: number | null }>;
  }
  const evaluate = async (run: string, ...flags: string[]): Promise<Tested> => {
    const data = ["--data", at("ct"), "--cases", "all", "--translation", "--json", "--force"];
    const { exitCode, stdout, stderr } = await cmedl(["evaluate", at(run), ...data, ...flags]);
    assert.is(exitCode, 0, stderr);
    return JSON.parse(stdout) as Tested;
  };
  const apart = Object.values((await evaluate("run")).cases);
  assert.is(apart.length, 3);
  for (const { KL, SSIM, PSNR } of apart) assert.ok(KL > 0 && SSIM === null && PSNR === null, `${KL} ${SSIM} ${PSNR}`);
  assert.match(await readFile(at("run", "report.html"), "utf8"), /Translation on all cases.*KL: divergence/s);
  // The pseudo image itself as the patient's real one, in HU, which are scaled back as they were.
  await mkdir(at("own"));
  const image = at("ct", "ct-001_image.nii.gz");
  const made = await cmedl(["translate", at("hu"), image, "-o", at("own", "ct-001.nii.gz")]);
  assert.is(made.exitCode, 0, made.stderr);
  const { cases } = await evaluate("hu", "--paired", at("own"), "--name", "own");
  const own = cases["ct-001"]!;
  assert.ok(own.SSIM! > 0.9999 && own.PSNR! > 80, `${own.SSIM} ${own.PSNR}`);
  assert.is(cases["ct-002"]!.SSIM, null);
  const alone = await cmedl(["evaluate", at("alone"), "--data", at("ct"), "--translation", "--teacher", at("mr")]);
  assert.match(alone.stderr, /alone: was trained as ct-only, which translates nothing/);
});

test("translate refuses a run that translates nothing, and to overwrite", async () => {
  const image = at("ct", "ct-002_image.nii.gz");
  const alone = await cmedl(["translate", at("alone"), image, "-o", at("y.nii")]);
  assert.is(alone.exitCode, 2);
  assert.match(alone.stderr, /alone: was trained as ct-only, which translates nothing/);
  await writeFile(at("kept.nii"), "");
  assert.is((await cmedl(["translate", at("run"), image, "-o", at("kept.nii")])).exitCode, 7);
  const own = await cmedl(["translate", at("run"), image, "-o", image, "--force"]);
  assert.is(own.exitCode, 2);
  assert.match(own.stderr, /is an image that is read; name another place/);
  const readOnly = await cmedl(["translate", at("run"), image, "-o", at("y.nrrd")]);
  assert.match(readOnly.stderr, /y\.nrrd is no NIfTI name; end it in \.nii or \.nii\.gz/);
});

test("export writes a model's file, by which a program segments as predict does", async () => {
  const image = at("ct", "ct-001_image.nii.gz");
  for (const [run, also] of [
    ["run", []],
    ["alone", ["--threshold", "0.3"]],
  ] as const) {
    const file = at(`${run}.safetensors`);
    const { exitCode, stderr, stdout } = await cmedl(["export", at(run), file]);
    assert.is(exitCode, 0, stderr);
    assert.is(stdout, `${file}\n`);
    const again = await cmedl(["export", at(run), file]);
    assert.match(again.stderr, /exists/);
    const done = await cmedl(["predict", at(run), image, "-o", at(`${run}-mask.nii.gz`), ...also]);
    assert.is(done.exitCode, 0, done.stderr);
    const model = loadModel(new Uint8Array(await readFile(file)), file);
    assert.is(model.size, 32);
    using device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
    const volume = await readVolume(image);
    const threshold = also.length ? 0.3 : 0.5;
    const mask = await segmentVolume(device, model, volume, { threshold });
    const want = await read(at(`${run}-mask.nii.gz`));
    assert.equal(parseNifti(writeNifti(mask, volume), "mask").data, want.data);
  }
  const odd = await cmedl(["export", at("run"), at("other.safetensors"), "--network", "SM"]);
  assert.match(odd.stderr, /--network does not go with a \.safetensors file/);
  const file = await cmedl(["export", at("run.safetensors"), at("other.safetensors")]);
  assert.match(file.stderr, /is no folder of a run/);
});

test("a model's zip predicts and translates as the run it was exported from, bit for bit", async () => {
  const image = at("ct", "ct-001_image.nii.gz");
  const zip = at("model.zip");
  const { exitCode, stderr, stdout } = await cmedl(["export", at("run"), zip, "--licence", "CC BY 4.0"]);
  assert.is(exitCode, 0, stderr);
  assert.is(stdout, `${zip}\n`);
  const { card, config, statistics } = readModelZip(new Uint8Array(await readFile(zip)), zip);
  assert.match(card, /\| validation \| Dice .* after epoch 1, on 1 cases \|/);
  assert.match(card, /\| licence \| CC BY 4\.0 \|/);
  assert.is(config.data.student, "");
  assert.is(statistics?.student.images, 2);
  const again = await cmedl(["export", at("run"), zip]);
  assert.is(again.exitCode, 7, "nothing is overwritten");
  for (const [command, name] of [
    ["predict", "zip-mask"],
    ["translate", "zip-pseudo"],
  ] as const) {
    const outputs: Uint8Array[] = [];
    for (const [from, file] of [
      [at("run"), at(`${name}-run.nii`)],
      [zip, at(`${name}.nii`)],
    ] as const) {
      const done = await cmedl([command, from, image, "-o", file]);
      assert.is(done.exitCode, 0, done.stderr);
      outputs.push(new Uint8Array((await read(file)).data.buffer));
    }
    assert.equal(outputs[0], outputs[1], command);
  }
  const mr = await cmedl(["predict", zip, at("mr", "mr-001_image.nii.gz"), "-o", at("zip-mr.nii")]);
  assert.is(mr.exitCode, 3, "images are compared with those of training, which the zip tells of");
  const odd = await cmedl(["export", at("run"), at("other.zip"), "--network", "SM"]);
  assert.match(odd.stderr, /--network does not go with a \.zip/);
  const licence = await cmedl(["export", at("run"), at("other.onnx"), "--licence", "mine"]);
  assert.match(licence.stderr, /--licence goes with a \.zip/);
});

test.run();
