#!/usr/bin/env bash
# Micrometres are micrometres in NIfTI and millimetres in NRRD, for one reader.
# Versions: @itk-wasm/image-io 1.6.1.
# One would guess: a reader that converts a NIfTI file's units to mm does so for the other formats that name them.
# Seen: a voxel of 2 × 3 × 4 µm is 0.002 × 0.003 × 0.004 from NIfTI, and 2 × 3 × 4 from NRRD with space units "um" and
#   from MetaImage with DistanceUnits um, as with "mm". The metadata name MetaImage's units and not NRRD's.
# A tool should: read the units of NRRD and MetaImage itself, scale or refuse, and convert microscope and small-animal
#   images to mm before this reader has them.
source "$(dirname "$0")/setup.bash"
npm_packages @itk-wasm/image-io@1.6.1
/usr/bin/python3 -c 'import nifti
for units, n in ("mm", 2), ("um", 3):
    nifti.save(units + ".nii", (2, 3, 4), srow=((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, 4, 0)), units=n)'
cat >seen.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { readImageNode } from "@itk-wasm/image-io";
import { report } from "./report.mjs";
const rows = [];
for (const units of ["mm", "um"]) {
  const nrrd = `NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nencoding: raw\nspace: left-posterior-superior
space directions: (2,0,0) (0,3,0) (0,0,4)\nspace units: "${units}" "${units}" "${units}"\n\n`;
  const meta = `ObjectType = Image\nNDims = 3\nBinaryData = True\nDistanceUnits = ${units}\nElementSpacing = 2 3 4
DimSize = 2 3 4\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n`;
  writeFileSync(`${units}.nrrd`, nrrd + "\0".repeat(24));
  writeFileSync(`${units}.mha`, meta + "\0".repeat(24));
  for (const type of ["nii", "nrrd", "mha"]) {
    const { spacing, metadata } = await readImageNode(`${units}.${type}`);
    const micro = type === "nii" && units === "um";
    rows.push([`${type} in ${units}`, spacing.map((v) => +v.toFixed(6)), micro ? "0.002,0.003,0.004" : "2,3,4"]);
    if (type === "nii") continue; // its metadata have the code of the unit
    rows.push([`metadata of ${type} have "${units}"`, [...metadata.values()].includes(units), type === "mha"]);
  }
}
report(rows);
JS
node seen.mjs
