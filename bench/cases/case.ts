// What a bench runs.
import type { Device, Estimate, Feeds, Module, Program, Shape } from "../../engine/index.ts";
import type { Group } from "../say/report.ts";

/** A compiled case, ready to be timed. */
export interface Prepared {
  readonly program: Program;
  readonly feeds?: Feeds;
  /** Runs and checks the result. How far off it was, in words, or why it is wrong. */
  check(): Promise<{ wrong?: string; checked: string }>;
  /** What another engine needs to compute the same; absent where what is drawn at random makes results differ. */
  start?(): Start;
}

/** What a program begins with. */
export interface Start {
  /** Its networks made again, with the weights that they had before the first run. */
  readonly modules: readonly Module[];
  /** Shapes of its feeds. */
  readonly inputs: Readonly<Record<string, Shape>>;
  /** Names of results that come after an update of the same run. */
  readonly updated?: RegExp;
}

export interface Case {
  readonly name: string;
  readonly group: Group;
  /** Whether a quick run has it. */
  readonly quick: boolean;
  /** Least work; flops are 0 where bytes alone decide. */
  readonly flops: number;
  readonly bytes: number;
  /** What bench/torch needs to build the same; absent where it can't. */
  readonly torch?: object;
  /** What the program would take, nothing made; of networks and steps. Throws MemoryBudgetError. */
  estimate?(device: Device, memoryBudget?: number): Estimate;
  prepare(device: Device): Promise<Prepared>;
}

/** In plain letters: "x" for "×", "-" for "→" and ">". */
const plain = (s: string): string => s.toLowerCase().replaceAll("×", "x").replace(/[→>]/g, "-");
/** Whether a word stands in a text, and not in the middle of a number: "64x64" is not in "164x640". */
function stands(word: string, text: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before, after] = [text[at - 1] ?? "", text[at + word.length] ?? ""];
    const splits = (a: string, b: string): boolean => /\d/.test(a) && /\d/.test(b);
    if (!splits(before, word[0] ?? "") && !splits(word.at(-1) ?? "", after)) return true;
  }
  return false;
}

/** Whether every word of the filter is in the case's group or name: "conv 3x3 64-64 64x64". */
export function matches({ group, name }: Pick<Case, "group" | "name">, words: readonly string[]): boolean {
  const text = plain(`${group} ${name}`);
  return words.every((word) => stands(plain(word), text));
}

/** Names of the cases that have most of the words, the shortest first; as they can be typed. */
export function nearest(cases: readonly Pick<Case, "group" | "name">[], words: readonly string[], most = 5): string[] {
  const score = (c: Pick<Case, "group" | "name">): number => {
    const text = plain(`${c.group} ${c.name}`);
    return words.reduce((sum, word) => sum + shareOf(plain(word), text), 0);
  };
  const scored = cases.map((c) => ({ name: plain(c.name), score: score(c) }));
  return scored
    .toSorted((a, b) => b.score - a.score || a.name.length - b.name.length)
    .slice(0, most)
    .map(({ name }) => name);
}

/** 1 where the word stands in the text, else less than half of the share of its pairs of letters that do. */
function shareOf(word: string, text: string): number {
  if (stands(word, text)) return 1;
  const pairs = Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));
  return (0.49 * pairs.filter((pair) => text.includes(pair)).length) / Math.max(1, pairs.length);
}

/** The error that float sums of any order stay well below, relative to the largest value. */
export const LARGEST_ERROR = 1e-3;
