// Conformance in half precision. The suite's numbers belong to its f32 inputs, which f16 can't hold; so each case
// runs twice on the inputs as f16 holds them: in f32, which the plain run has judged by the suite, and stored in f16,
// which is judged by the first.
import { fromHalf, toHalf } from "../../engine/dtype.ts";
import type { Case, Tolerance } from "./suite.ts";

/** Half the distance between f16 neighbours, as a share of a normal number: what one rounding may cost. */
const EPS = 2 ** -11;
/** Half the distance between subnormal ones. */
const TINY = 2 ** -25;
/** Largest finite f16. */
const LARGEST = 65504;

/**
 * Roundings a result may show: `own` counts ε·|want|, `largest` counts ε·m, m the largest of the result and, for a
 * gradient, of the cotangents: where what was rounded on the way is larger than what is left of it.
 */
interface Roundings {
  readonly own: number;
  readonly largest: number;
}

/** A result is computed in f32 from what is stored and rounded once as it is stored. */
const once: Roundings = { own: 1, largest: 0 };

/** Ops of whose results some show more: y is the op's stored result, rounded, and dy its cotangent. */
const more: Readonly<Record<string, Roundings>> = {
  // Gradients that read y: dy·y, dy/2y, dy·y², dy·y³.
  exp: { own: 2, largest: 0 },
  sqrt: { own: 2, largest: 0 },
  reciprocal: { own: 3, largest: 0 },
  rsqrt: { own: 4, largest: 0 },
  // dy·(y + c), dy·(1 − y²), dy·y·(1 − y): y may be close to −c or to 1.
  expm1: { own: 2, largest: 1 },
  elu: { own: 2, largest: 2 },
  tanh: { own: 2, largest: 2 },
  sigmoid: { own: 2, largest: 1 },
  // −dy·y/b and dy·y·log a, summed over what b was broadcast along: terms may cancel.
  div: { own: 2, largest: 2 },
  pow: { own: 2, largest: 2 },
  // A product's gradients are products of dy, rounded where it was scaled, and are rounded before a batch of them is
  // summed.
  addmm: { own: 2, largest: 2 },
  matmul: { own: 2, largest: 2 },
  linear: { own: 2, largest: 2 },
  // Beyond two axes, pads go pair by pair: each rounds.
  pad: { own: 2, largest: 2 },
};

/**
 * What a value of an f16 run may differ by from that of the f32 run: the suite's own tolerance and the roundings of
 * `op`.
 */
export function halfTolerance(
  op: string,
  tol: Tolerance,
  want: ArrayLike<number>,
  cotangents: readonly ArrayLike<number>[],
): Tolerance {
  if ("exact" in tol) return tol;
  const { own, largest } = more[op] ?? once;
  const most = largest > 0 ? Math.max(...[want, ...cotangents].map(largestOf)) : 0;
  return { rtol: tol.rtol + own * EPS, atol: tol.atol + largest * EPS * most + TINY };
}

/** The numbers as f16 holds them. */
export function rounded(data: ArrayLike<number>): Float32Array {
  const values = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) values[i] = fromHalf(toHalf(data[i]));
  return values;
}

function largestOf(data: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < data.length; i++) if (Number.isFinite(data[i])) most = Math.max(most, Math.abs(data[i]));
  return most;
}

const beyond = (data: ArrayLike<number>): boolean => largestOf(data) > LARGEST;

/** Why a case has no meaning in f16, by its op and its float inputs (as the suite has them); undefined where it has. */
export function withoutHalf(c: Case, floats: readonly ArrayLike<number>[]): string | undefined {
  if (c.op.endsWith("_steps")) return "optimizers hold f32 only";
  if (floats.length === 0) return "no float among the inputs";
  if (floats.some(beyond)) return "an input is beyond f16's 65,504";
  return undefined;
}

/** Why the results of the f32 run can't be judged in f16; undefined where they can. */
export const resultBeyondHalf = (values: readonly ArrayLike<number>[]): string | undefined =>
  values.some(beyond) ? "a result is beyond f16's 65,504" : undefined;
