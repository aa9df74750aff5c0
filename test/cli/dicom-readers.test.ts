// Masks go out as DICOM and come in again, and other readers of DICOM find the same voxels: pydicom, dcmtk,
// plastimatch.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { toLps } from "../../data/orientation.ts";
import { readVolume } from "../../node/dataset/index.ts";
import { sharedPath, testWith } from "../data/shared-data.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { cmedl } from "./command.ts";

const test = suite("other readers of DICOM");
const run = promisify(execFile);
const patient = "data/lung-ct/nsclc-ibsi1";
const series = sharedPath(`${patient}/dicom/image`);
const contours = sharedPath(`${patient}/dicom/mask/DCM_RS_00060.dcm`);
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

const runs = (command: string, ...args: string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};
const python = (modules: string): string | undefined =>
  ["python3", "/usr/bin/python3"].find((command) => runs(command, "-c", `import ${modules}`));

/** The voxels of `mask` that another program reads, slices × rows × columns from the lowest slice up. */
type Reader = (mask: string, name: string) => Promise<Uint8Array>;

const byScript =
  (reader: "pydicom" | "dcmtk", command: string): Reader =>
  async (mask, name) => {
    const out = at(`${name}-${reader}.raw`);
    await run(command, ["test/cli/dicom_readers.py", reader, series, out, mask]);
    return new Uint8Array(await readFile(out));
  };

/** Of plastimatch: contours by its own filling on the series, segments by GDCM. */
const byPlastimatch: Reader = async (mask, name) => {
  const out = at(`${name}-plastimatch`);
  const isSegments = mask.endsWith("-seg.dcm");
  const wanted = isSegments
    ? ["--output-img", join(out, "segments.nii")]
    : ["--referenced-ct", series, "--output-prefix", out, "--prefix-format", "nii"];
  await run("plastimatch", ["convert", "--input", mask, ...wanted], { maxBuffer: 2 ** 26 });
  const files = await readdir(out);
  assert.is(files.length, 1, files.join());
  return lps(join(out, files[0]!));
};

const lps = async (path: string): Promise<Uint8Array> =>
  Uint8Array.from(toLps(await readVolume(path)).data, (v) => +(v > 0));

const plain = python("numpy");
const withPydicom = python("pydicom, numpy");
const readers: readonly { readonly name: string; readonly reader: Reader | undefined }[] = [
  { name: "pydicom", reader: withPydicom ? byScript("pydicom", withPydicom) : undefined },
  { name: "dcmtk", reader: plain && runs("dcmdump", "--version") ? byScript("dcmtk", plain) : undefined },
  { name: "plastimatch", reader: runs("plastimatch", "--version") ? byPlastimatch : undefined },
];

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-readers-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** Voxels of `mask`, of `other` and of both. */
function count(mask: Uint8Array, other: Uint8Array): { mask: number; other: number; both: number } {
  assert.is(other.length, mask.length, "equal grids");
  const found = { mask: 0, other: 0, both: 0 };
  for (const [i, value] of mask.entries()) {
    found.mask += value;
    found.other += other[i]!;
    found.both += value & other[i]!;
  }
  return found;
}

let predicted: Promise<void> | undefined;
/**
 * A mask of the series with holes, islands and ragged edges, by a network that learned next to nothing: in all formats.
 */
const predict = (): Promise<void> =>
  (predicted ??= (async () => {
    const did = async (...args: string[]): Promise<void> => {
      const { exitCode, stderr } = await cmedl(args);
      assert.is(exitCode, 0, stderr);
    };
    await writePhantoms(at("phantoms"), "CT");
    const tiny = ["--size", "64", "--width", "4", "--batch", "2", "--steps", "4", "--epochs", "1"];
    await did("train", "--preset", "ct-only", "--student", at("phantoms"), "--out", at("run"), ...tiny);
    const from = ["predict", at("run"), series, "--statistics", "batch", "--force"];
    await did(...from, "-o", at("first.nii"), "--probabilities");
    const values = Float64Array.from((await readVolume(at("first_probability.nii.gz"))).data).sort();
    const threshold = String(values[Math.floor(values.length * 0.6)]!);
    await did(...from, "-o", at("mask.nii"), "--threshold", threshold);
    for (const format of ["rtstruct", "seg"])
      await did(...from, "-o", at(`mask-${format}.dcm`), "--threshold", threshold, "--format", format);
  })());

testWith(test, [patient], "cmedl import fills the contours of a clinic as its experts' mask is", async () => {
  const { exitCode, stderr } = await cmedl([
    "import",
    sharedPath(`${patient}/dicom`),
    "--out",
    at("data"),
    "--structure",
    "gtv*",
  ]);
  assert.is(exitCode, 0, stderr);
  assert.equal(count(await lps(at("data/ct/1/mask.nii.gz")), await lps(sharedPath(`${patient}/gtv.nii.gz`))), {
    mask: 125256,
    other: 125256,
    both: 125256,
  });
});

for (const { name, reader } of readers) {
  const says = (what: string): string => `${name} ${what}${reader ? "" : ` (${name} is absent)`}`;
  const needs = reader ? [patient] : [`no ${name}`];
  testWith(test, needs, says("fills the same contours as cmedl import"), async () => {
    const found = count(await lps(sharedPath(`${patient}/gtv.nii.gz`)), await reader!(contours, "clinic"));
    assert.equal(found, { mask: 125256, other: 125256, both: 125256 });
  });
  for (const format of ["rtstruct", "seg"])
    testWith(test, needs, says(`finds the voxels of cmedl predict --format ${format}`), async () => {
      await predict();
      const mask = await lps(at("mask.nii"));
      const { mask: voxels, ...found } = count(mask, await reader!(at(`mask-${format}.dcm`), format));
      assert.ok(voxels > 0.05 * mask.length && voxels < 0.95 * mask.length, `${voxels} of ${mask.length} voxels`);
      assert.equal(found, { other: voxels, both: voxels });
    });
}

const validates = runs("sh", "-c", "command -v dciodvfy");
for (const format of ["rtstruct", "seg"])
  testWith(
    test,
    validates ? [patient] : ["no dciodvfy"],
    `dciodvfy (dicom3tools) finds no fault in what cmedl predict --format ${format} writes`,
    async () => {
      await predict();
      const { stdout, stderr } = await run("dciodvfy", [at(`mask-${format}.dcm`)]);
      const faults = `${stdout}${stderr}`.split("\n").filter((line) => /^Error|not present in standard/.test(line));
      assert.equal(faults, []);
    },
  );

test.run();
