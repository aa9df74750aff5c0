// What a bench runs.
import type { Device, Estimate, Feeds, Program } from "../engine/index.ts";
import type { Group } from "./report.ts";

/** A compiled case, ready to be timed. */
export interface Prepared {
  readonly program: Program;
  readonly feeds?: Feeds;
  /** Runs and checks the result. How far off it was, in words, or why it is wrong. */
  check(): Promise<{ wrong?: string; checked: string }>;
}

export interface Case {
  readonly name: string;
  readonly group: Group;
  /** Whether a quick run has it. */
  readonly quick: boolean;
  /** Least work; flops are 0 where bytes alone decide. */
  readonly flops: number;
  readonly bytes: number;
  /** What bench/torch needs to build the same. */
  readonly torch: object;
  /** What the program would take, nothing made; of networks and steps. Throws MemoryBudgetError. */
  estimate?(device: Device, memoryBudget?: number): Estimate;
  prepare(device: Device): Promise<Prepared>;
}

/** Whether every word of the filter is in the case's group or name; "x" is as good as "×", ">" as "→". */
export function matches({ group, name }: Pick<Case, "group" | "name">, words: readonly string[]): boolean {
  const plain = (s: string): string => s.toLowerCase().replaceAll("×", "x").replaceAll("→", ">");
  return words.every((word) => plain(`${group} ${name}`).includes(plain(word)));
}

/** The error that float sums of any order stay well below, relative to the largest value. */
export const LARGEST_ERROR = 1e-3;
