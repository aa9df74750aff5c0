// Weighted sums of losses, where a term of weight 0 is not even computed.
import { type Tensor, UsageError, weightedSum } from "../engine/index.ts";
import type { Losses } from "./regime.ts";

/** Terms of a loss by name: weight, and what computes it. */
export type Terms = Readonly<Record<string, readonly [weight: number, term: () => Tensor]>>;

/**
 * The terms whose weight is not 0, and their weighted sum under the name `sum`. Throws UsageError where none is left.
 */
export function weigh(sum: string, terms: Terms): Losses {
  const weighted = Object.entries(terms)
    .filter(([, [weight]]) => weight !== 0)
    .map(([name, [weight, term]]) => [name, weight, term()] as const);
  if (weighted.length === 0)
    throw new UsageError(`every term of ${sum} has weight 0; give one of ${Object.keys(terms).join(", ")} a weight`);
  return {
    ...Object.fromEntries(weighted.map(([name, , term]) => [name, term])),
    [sum]: weightedSum(weighted.map(([, weight, term]) => [weight, term])),
  };
}

/** f, run at its first call only. */
export function once<T extends object>(f: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= f());
}
