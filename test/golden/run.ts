// Which check knows which golden file.
import { Device } from "../../engine/index.ts";
import { environment } from "../helpers/environment.ts";
import { checkAdam } from "./adam.ts";
import { checkCmedlStep } from "./cmedl-step.ts";
import { Comparison, type GoldenFile } from "./comparison.ts";
import { checkDritStep } from "./drit-step.ts";
import { checkLosses } from "./losses.ts";
import {
  checkAlpha,
  checkContentDiscriminator,
  checkDenseFcn,
  checkGenerator,
  checkMrrn,
  checkPatchGan,
  checkUNet,
  checkVgg,
} from "./networks.ts";
import { checkOps } from "./ops.ts";

export type Check = (file: GoldenFile, device: Device, c: Comparison) => Promise<void>;

/** By the beginning of the file's name; widths and shapes are read from the file. */
const CHECKS: readonly (readonly [prefix: string, check: Check])[] = [
  ["ops", checkOps],
  ["losses", checkLosses],
  ["adam", checkAdam],
  ["unet", checkUNet],
  ["generator", checkGenerator],
  ["patchgan", checkPatchGan],
  ["vgg19", checkVgg],
  ["tiramisu", checkDenseFcn],
  ["mrrn", checkMrrn],
  ["resnet18_alpha", checkAlpha],
  ["drit_content_dis", checkContentDiscriminator],
  ["cmedl_step", checkCmedlStep],
  ["drit_step", checkDritStep],
];

export const checkFor = (name: string): Check | undefined => CHECKS.find(([prefix]) => name.startsWith(prefix))?.[1];

/** Loads and checks a file, on a device of its own if none is given; what goes wrong on the way is a failure too. */
export async function checkGolden(name: string, load: () => Promise<GoldenFile>, shared?: Device): Promise<Comparison> {
  const c = new Comparison();
  const check = checkFor(name);
  if (!check) throw new RangeError(`no check knows ${name}`);
  await c.attempt(name, async () => {
    if (shared) return check(await load(), shared, c);
    const { gpu } = await environment().gpu();
    // A device frees its variables only when it is disposed, and networks of full width are large.
    using device = await Device.open(gpu, { traits: environment().traits });
    await check(await load(), device, c);
  });
  return c;
}
