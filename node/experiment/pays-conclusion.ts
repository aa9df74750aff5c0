// What the comparisons of `experiment pays` say, in sentences: what gains, what does not, and which part a gain is of.
import { fewestPairs } from "../../metrics/wilcoxon.ts";
import { LEVEL } from "../../report/comparison.ts";
import type { SeedComparison } from "../../report/seeds.ts";
import type { PaysWord } from "../../train/pays.ts";

/** One row against another. */
export interface PaysComparison extends SeedComparison {
  readonly row: { readonly word: PaysWord; readonly name: string };
  readonly against: { readonly word: PaysWord; readonly name: string };
}

/** What a test says; of so few seeds that only ties could bring p below 0.05: unclear. */
type Verdict = "gain" | "loss" | "unclear" | "untested";

export function verdictOf({ p, difference }: SeedComparison): Verdict {
  if (Number.isNaN(p)) return "untested";
  const isFew = difference.n < fewestPairs(LEVEL);
  if (isFew || !(p < LEVEL) || difference.mean === 0) return "unclear";
  return difference.mean > 0 ? "gain" : "loss";
}

export const signed = (value: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;

/** "+0.172 [+0.120, +0.224]" */
export function differenceText({ difference: { mean, low, high } }: SeedComparison): string {
  const bounds = Number.isNaN(low) ? "" : ` [${signed(low)}, ${signed(high)}]`;
  return `${signed(mean)}${bounds}`;
}

export const pText = (p: number): string => (p < 0.001 ? "< 0.001" : p.toFixed(p < 0.01 ? 4 : 3));

/** A sentence for each row against the baseline, and what a gain is due to. */
export function conclusions(found: readonly PaysComparison[], baseline: PaysWord): string[] {
  const sentences = found.filter(({ against }) => against.word === baseline).map(sentenceOf);
  const due = attribution(found, baseline);
  return due === undefined ? sentences : [...sentences, due];
}

function sentenceOf(c: PaysComparison): string {
  const { row, against, p, ahead, failed, difference } = c;
  const n = difference.n;
  const numbers = `${differenceText(c)} Dice over ${n} seed${n === 1 ? "" : "s"}, ahead in ${ahead}`;
  const who = `${row.name} against ${against.name}`;
  switch (verdictOf(c)) {
    case "untested":
      return failed.length > 0
        ? `${who}: not tested, a row learned nothing in half of its runs or more (seeds ${failed.join(", ")})`
        : `${who}: not tested, no seed has both yet`;
    case "gain":
      return `${who}: a gain, ${numbers}, p = ${pText(p)}`.replace("= <", "<");
    case "loss":
      return `${who}: a loss, ${numbers}, p = ${pText(p)}`.replace("= <", "<");
    case "unclear": {
      const few = n < fewestPairs(LEVEL) ? `; ${n} seed${n === 1 ? "" : "s"} cannot give p below ${LEVEL}` : "";
      return `${who}: no gain is shown, ${numbers}, p = ${pText(p)}${few}`;
    }
  }
}

/** Which part the gain of pseudo CT with hints comes from; undefined where there is no such gain. */
function attribution(found: readonly PaysComparison[], baseline: PaysWord): string | undefined {
  const verdict = (row: PaysWord, against: PaysWord): Verdict => {
    const comparison = found.find((c) => c.row.word === row && c.against.word === against);
    return comparison === undefined ? "untested" : verdictOf(comparison);
  };
  const whole = found.find((c) => c.row.word === "pmri" && c.against.word === baseline);
  if (whole === undefined || verdictOf(whole) !== "gain") return undefined;
  const name = `the gain of ${whole.row.name}`;
  const byHints = verdict("pmri", "pseudo-ct");
  const byPseudoCt = verdict("pseudo-ct", baseline);
  if (byHints === "untested" || byPseudoCt === "untested")
    return `which part ${name} comes from is not known: pseudo CT without hints was not tested`;
  if (byHints === "gain")
    return byPseudoCt === "gain"
      ? `${name} comes from both: pseudo CT gains without hints, and hints add to it`
      : `${name} is shown only with both: hints add to pseudo CT, which alone shows no gain`;
  if (byPseudoCt === "gain")
    return `${name} is that of pseudo CT and not shown to be the hint's: without hints it is ${
      byHints === "loss" ? "larger" : "not shown to be smaller"
    }`;
  return `which part ${name} comes from is not shown: pseudo CT alone shows no gain, nor do hints beside it`;
}
