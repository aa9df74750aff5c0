// What the students score on patients of both sites that none has seen: Dice of whole volumes.
import { readFile, readdir } from "node:fs/promises";
import { Device } from "cmedl";
import { parseNifti } from "cmedl/data";
import { Segmenter, loadModel } from "cmedl/inference";
import { dice } from "cmedl/metrics";
import { openNodeGpu } from "cmedl/node";

const [, , folder = "runs/federated"] = process.argv;
const test = `${folder}/sites/test`;
const images = (await readdir(test)).filter((name) => name.endsWith("_image.nii.gz")).sort();
const read = async (name: string) => parseNifti(new Uint8Array(await readFile(`${test}/${name}`)), name);

const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);

/** The mean over the test patients. */
async function scored(model: string): Promise<number> {
  const bytes = await readFile(`${folder}/sent/${model}.safetensors`);
  const segmenter = await Segmenter.open(device, loadModel(bytes, model));
  let sum = 0;
  for (const name of images) {
    const found = await segmenter.segment(await read(name));
    const mask = await read(name.replace("_image", "_mask"));
    sum += dice(found, Uint8Array.from(mask.data));
  }
  return sum / images.length;
}

const rows: Record<string, number> = {};
for (const model of ["a-alone", "b-alone", "round-1", "round-2", "round-3"]) rows[model] = await scored(model);
const alone = (rows["a-alone"]! + rows["b-alone"]!) / 2;
console.log(`Dice on ${images.length} patients of both sites that no student has seen`);
for (const [model, value] of Object.entries(rows)) console.log(`  ${model.padEnd(14)}${value.toFixed(3)}`);
console.log(`  mean alone    ${alone.toFixed(3)}`);
process.exit(0);
