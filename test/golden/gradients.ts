// The check of a network's gradients by foreign name; those that are truly 0 against the scale of their layer's weight.
import { type NamedForPyTorch, foreignNames, permuted } from "../../models/pytorch.ts";
import { type Comparison, norm } from "./comparison.ts";
import type { Parameters } from "./network-options.ts";
import type { Check } from "./rounding.ts";

/** Of a gradient that is truly 0 (a bias before a norm): its rounding, against the gradient of the layer's weight. */
const ZERO_GRADIENT = 1e-4;

/** Whether a parameter's true gradient is 0: a bias before a norm. */
export function isZeroGradient(name: string, wanted: Parameters): boolean {
  const weight = wanted.get(name.replace(/bias$/, "weight"));
  return name.endsWith("bias") && weight !== undefined && norm(wanted.get(name)!.data) < 1e-6 * norm(weight.data);
}

/**
 * Each gradient by foreign name, in our layout, with its tolerance: those that are truly zero against the scale of
 * their layer's weight.
 */
export function eachGradient(network: NamedForPyTorch, wanted: Parameters, tolerance: number, check: Check): void {
  for (const { name, shape, axes } of foreignNames(network)) {
    const want = wanted.get(name);
    if (!want) continue;
    const zero = isZeroGradient(name, wanted);
    check(
      name,
      permuted(want.data, shape, axes),
      zero ? ZERO_GRADIENT : tolerance,
      zero ? norm(wanted.get(name.replace(/bias$/, "weight"))!.data) : 0,
    );
  }
}

/** Checks gradients by foreign name. */
export const checkGradients = (
  c: Comparison,
  network: NamedForPyTorch,
  prefix: string,
  got: (name: string) => ArrayLike<number>,
  wanted: Parameters,
  tolerance: number,
): void => eachGradient(network, wanted, tolerance, (name, ...rest) => c.check(`${prefix}${name}`, got(name), ...rest));
