#!/usr/bin/env bash
# NaN and infinity are 0 after reading a NIfTI file, and are kept from NRRD and MetaImage, by one reader.
# Versions: @itk-wasm/image-io 1.6.1.
# One would guess: a voxel of a floating-point image that is NaN stays NaN, from any format, or the file is refused.
# Seen: NaN, 1, 2, infinity from NIfTI are 0, 1, 2, 0, in single and in double precision, without a word; with scl_inter
#   -1000 they are -1000, -999, -998, -1000. From NRRD and MetaImage they are as stored.
# A tool should: count such voxels in the file's own bytes; behind this reader the background of a registered CT is
#   water (or air, where there is an intercept) and counts in means, percentiles and masks by threshold.
source "$(dirname "$0")/setup.bash"
npm_packages @itk-wasm/image-io@1.6.1
cat >seen.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { readImageNode } from "@itk-wasm/image-io";
import { report } from "./report.mjs";
const values = [NaN, 1, 2, Infinity];
const single = Buffer.from(Float32Array.from(values).buffer);
const double = Buffer.from(Float64Array.from(values).buffer);

/** A NIfTI-1 file of 4 × 1 × 1 voxels of 1 mm, type 16 (single) or 64 (double). */
function nifti(type, data, intercept) {
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [3, 4, 1, 1, 1, 1, 1, 1].forEach((n, i) => header.writeInt16LE(n, 40 + 2 * i));
  header.writeInt16LE(type, 70);
  header.writeInt16LE((8 * data.length) / 4, 72);
  for (let i = 0; i < 8; i++) header.writeFloatLE(1, 76 + 4 * i);
  header.writeFloatLE(352, 108);
  header.writeFloatLE(1, 112);
  header.writeFloatLE(intercept, 116);
  header[123] = 2;
  header.writeInt16LE(1, 254);
  [0, 5, 10].forEach((i) => header.writeFloatLE(1, 280 + 4 * i));
  header.write("n+1\0", 344, "latin1");
  return Buffer.concat([header, data]);
}

async function read(name, file) {
  writeFileSync(name, file);
  return (await readImageNode(name)).data;
}
const nrrd = "NRRD0004\ntype: float\ndimension: 3\nsizes: 4 1 1\nendian: little\nencoding: raw\n\n";
const meta = `ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 4 1 1
ElementSpacing = 1 1 1\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n`;
report([
  ["NIfTI, single", await read("a.nii", nifti(16, single, 0)), [0, 1, 2, 0]],
  ["NIfTI, double", await read("b.nii", nifti(64, double, 0)), [0, 1, 2, 0]],
  ["NIfTI, intercept -1000", await read("c.nii", nifti(16, single, -1000)), [-1000, -999, -998, -1000]],
  ["NRRD", await read("d.nrrd", Buffer.concat([Buffer.from(nrrd), single])), values],
  ["MetaImage", await read("e.mha", Buffer.concat([Buffer.from(meta), single])), values],
]);
JS
node seen.mjs
