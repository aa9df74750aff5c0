// node tools/run.mjs test/scale/tiny-model.ts FILE: a model of random weights for slices of 32 × 32.
import { writeFile } from "node:fs/promises";
import { tinySegmentation } from "../helpers/tiny-segmentation.ts";

const [, , file = "model.safetensors"] = process.argv;
await writeFile(file, (await tinySegmentation(32)).model);
