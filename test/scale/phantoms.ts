// node tools/run.mjs test/scale/phantoms.ts FOLDER COUNT: ct/ and mr/ with as many phantoms each, of 32 × 32 × 4
// voxels.
import { join } from "node:path";
import { writePhantoms } from "../helpers/phantom-folder.ts";

const [, , folder = "phantoms", count = "8"] = process.argv;
for (const modality of ["CT", "MR"] as const)
  await writePhantoms(join(folder, modality.toLowerCase()), modality, { size: 32, slices: 4, count: Number(count) });
