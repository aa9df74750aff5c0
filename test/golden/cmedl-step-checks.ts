// What CMEDL's phases and its chain both check: losses, Adam's movement and running statistics, and their tolerances.
import type { Device, TypedArray } from "../../engine/index.ts";
import { type NamedForPyTorch, foreignNames, permuted } from "../../models/pytorch.ts";
import type { NetworkName } from "./cmedl-step-networks.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { isZeroGradient } from "./gradients.ts";

/** Stored names of the losses. */
const LOSS_NAMES: Readonly<Record<string, string>> = {
  adv_m: "advM",
  adv_c: "advC",
  cyc_c: "cycC",
  cyc_m: "cycM",
  cx: "cx",
  hint_g: "hintG",
  seg_pm_g: "segPMG",
  loss_G: "lossG",
  loss_D_M: "lossDM",
  loss_D_C: "lossDC",
  dice_ct: "diceCT",
  dice_pm: "dicePM",
  dice_rm: "diceRM",
  hint_s: "hintS",
  loss_S: "lossS",
};

export const LOSS = [5 * 6e-6, 5 * 5e-4];
export const OUTPUT = 5 * 1e-5;
/** Share of a network's elements that Adam may move elsewhere: where the gradient is within its rounding of 0. */
export const ELSEWHERE = 1e-3;
export const ELSEWHERE_G_CM = 4e-3;
/**
 * In the chain, what follows the first update of G_CM differs as far as that did, and the teacher's gradients by 5e-2
 * in PyTorch's own f32. Of outputs: that update, one rate in every element, moves pM by 3.0e-2; a share
 * ELSEWHERE_G_CM of elements going elsewhere, by two rates and of either sign, moves it by 2·√4e-3·3.0e-2 = 4e-3
 * more.
 */
export const CHAINED = { output: 5e-3, statistics: 2e-2, elsewhere: 0.15 };

export function checkLosses(
  c: Comparison,
  prefix: string,
  got: Record<string, TypedArray>,
  wanted: Record<string, number>,
  tolerance: number,
): void {
  for (const [stored, name] of Object.entries(LOSS_NAMES)) {
    if (got[name] && wanted[stored] !== undefined) c.check(`${prefix}${name}`, got[name], [wanted[stored]], tolerance);
  }
}

/**
 * Adam's steps from the stored weights. Its first has the size of the rate in each element, whatever the gradient's
 * size: where the gradient is near 0 its sign is chance. So the share of elements that went elsewhere is checked, and
 * that none went farther than both ways. Biases whose true gradient is 0 are left out.
 */
export async function checkMovement(
  c: Comparison,
  device: Device,
  network: NamedForPyTorch,
  key: string,
  file: GoldenFile,
  net: string,
  rate: number,
  share: number,
  prefix = "",
): Promise<void> {
  const gradients = under(file.tensors, `grad0/${net}/`);
  const after = under(file.tensors, `${key}/`);
  const steps = Number(/after(\d)/.exec(key)![1]);
  let elements = 0;
  let elsewhere = 0;
  let farthest = 0;
  for (const { name, variable, shape, axes } of foreignNames(network)) {
    const want = after.get(name);
    if (!want || isZeroGradient(name, gradients)) continue;
    const got = await device.read(variable);
    const ours = permuted(want.data, shape, axes);
    for (let i = 0; i < ours.length; i++) {
      const d = Math.abs(got[i]! - ours[i]!) / rate;
      if (!(d <= farthest)) farthest = Number.isNaN(d) ? Infinity : d;
      if (!(d <= 0.5 * steps)) elsewhere++;
    }
    elements += ours.length;
  }
  if (elements === 0) throw new Error(`${key} holds nothing to compare`);
  c.checkAtMost(`${prefix}${key}: share of ${elements} elements that moved elsewhere`, elsewhere / elements, share);
  c.checkAtMost(`${prefix}${key}: farthest element, in rates`, farthest, 2.1 * steps);
}

export async function checkStatistics(
  c: Comparison,
  device: Device,
  networks: Record<NetworkName, NamedForPyTorch>,
  file: GoldenFile,
  iteration: number,
  prefix = "",
): Promise<void> {
  for (const net of ["S_CT", "S_MR"] as const) {
    const wanted = under(file.tensors, `bn_after${iteration}/${net}/`);
    for (const { name, variable } of foreignNames(networks[net])) {
      const want = wanted.get(name);
      if (want)
        c.check(
          `${prefix}bn_after${iteration}/${net}/${name}`,
          await device.read(variable),
          want.data,
          prefix ? CHAINED.statistics : OUTPUT,
        );
    }
  }
}
