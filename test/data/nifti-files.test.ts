// Real and hostile NIfTI files kept outside the repository.
import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { percentiles } from "../../data/percentiles.ts";
import { parseNifti, writeNifti } from "../../data/formats/nifti.ts";
import { orientationName, toLps } from "../../data/orientation.ts";
import { testHostile } from "./hostile.ts";
import { readShared, sharedPath, testWith } from "./shared-data.ts";

const test = suite("nifti files");
const odds = "data/nifti-odds";
const variants = `${odds}/variants-of-chaos21`;

testHostile(test, {
  formats: ["nifti"],
  least: 30,
  ms: 2000,
  read: (path) => parseNifti(readShared(path), path),
});

testWith(test, [variants], "every way of writing one MR reads to the same voxels in the same orientation", () => {
  const base = toLps(parseNifti(readShared(`${variants}/base_int16_le.nii.gz`), "base"));
  // Not equal on purpose, by the folder's README; the pair is refused below.
  const other = /uint8|sclslope|nan_inf|no_qform|pair/;
  let compared = 0;
  for (const f of readdirSync(sharedPath(variants)).filter((f) => !other.test(f))) {
    const read = toLps(parseNifti(readShared(`${variants}/${f}`), f));
    assert.is(orientationName(read.affine), "LPS", f);
    assert.equal(read.shape, base.shape, f);
    for (let i = 0; i < base.data.length; i++)
      if (base.data[i] !== read.data[i]) assert.unreachable(`${f}: voxel ${i} differs`);
    compared++;
  }
  assert.ok(compared >= 14, `${compared} compared`);
  const scaled = parseNifti(readShared(`${variants}/int16_sclslope_0.37x-12.5.nii.gz`), "s");
  const plain = parseNifti(readShared(`${variants}/base_int16_le.nii.gz`), "b");
  // Its writer chose a slope of 0.00535 for int16: half a step is what rounding may cost.
  plain.data.forEach((v, i) => assert.ok(Math.abs(scaled.data[i]! - (0.37 * v - 12.5)) < 0.00535 / 2 + 1e-4));
  assert.match(parseNifti(readShared(`${variants}/no_qform_no_sform.nii.gz`), "n").warnings[0]!, /neither/);
  assert.throws(() => parseNifti(readShared(`${variants}/pair.hdr`), "pair.hdr"), /pair/);
});

testWith(
  test,
  [odds],
  "corrupted files are all refused, the phantoms' mirrored volumes lie where their affines say",
  () => {
    for (const f of readdirSync(sharedPath(`${odds}/corrupted`))) {
      assert.throws(
        () => parseNifti(readShared(`${odds}/corrupted/${f}`), f),
        (e: unknown) => e instanceof DataError,
        f,
      );
    }
    for (const folder of ["nibabel", "ibsi2", "variants-of-chaos21"])
      for (const f of readdirSync(sharedPath(`${odds}/${folder}`)).filter((name) => !name.endsWith(".md")))
        try {
          parseNifti(readShared(`${odds}/${folder}/${f}`), f);
        } catch (error) {
          assert.instance(error, DataError, f);
        }
    assert.throws(() => parseNifti(readShared(`${odds}/nibabel/example4d.nii.gz`), "4d"), /2 frames/);
    const anatomical = parseNifti(readShared(`${odds}/nibabel/anatomical.nii`), "a");
    assert.equal(anatomical.shape, [33, 41, 25]);
  },
);

testWith(
  test,
  ["data/sts-ct-mr-tumour/ct/STS_002_image.nii.gz"],
  "a real CT is in HU, and a mask written like it has its geometry",
  () => {
    const image = parseNifti(readShared("data/sts-ct-mr-tumour/ct/STS_002_image.nii.gz"), "STS_002_image.nii.gz");
    assert.equal(image.shape, [161, 143, 48]);
    assert.is(orientationName(image.affine), "LPS");
    assert.equal(percentiles(image.data, [0, 100]), [-1000, 1156]);
    const mask = parseNifti(writeNifti(new Uint8Array(image.data.length), image), "m.nii.gz");
    assert.equal(mask.affine, image.affine);
    assert.equal(mask.geometry, image.geometry);
  },
);

test.run();
