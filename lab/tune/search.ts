// How the fastest of a problem's candidates is looked for.
import { RandomStreams } from "../../engine/random.ts";
import type { Consts } from "../../kernels/kernel.ts";
import type { Verdict } from "../measure/verdict.ts";

/** A kernel at values of its tunables. */
export interface Candidate {
  readonly kernel: string;
  readonly consts: Consts;
}

/** Names of the ways to search. */
export const STRATEGIES = ["grid", "random", "greedy"] as const;
/**
 * grid: every candidate. random: so many of them, drawn. greedy: each kernel as it ships, then the tunables of the
 * fastest, one after the other.
 */
export type Strategy = (typeof STRATEGIES)[number];

/** What a candidate took in µs, and how it stands against the first. */
export interface Timed {
  readonly us: number;
  readonly verdict: Verdict;
}
/** Times candidates in turns; `isLast`: the comparison that decides. */
export type Measure = (candidates: readonly Candidate[], isLast: boolean) => Promise<readonly Timed[]>;

export interface SearchOptions {
  readonly strategy: Strategy;
  /** Candidates that `random` draws, that which ships among them. */
  readonly trials: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Numbers in [0, 1) that follow from a seed. */
export function drawsOf(seed: number): () => number {
  const stream = new RandomStreams(seed).key("tune");
  let drawn = 0;
  return () => RandomStreams.uniform(stream, drawn++);
}

export interface Found {
  readonly best: Candidate;
  readonly timeUs: number;
  /** Time of the candidate that ships, in turns with the best. */
  readonly beforeUs: number;
  /** Candidates that were timed. */
  readonly timed: number;
}

/**
 * The fastest of `space`, whose first candidate is the one that ships and stays unless another is faster beyond doubt:
 * by a race of these two alone, for the least of many noisy times flatters.
 */
export async function search(
  space: readonly Candidate[],
  measure: Measure,
  options: SearchOptions,
): Promise<Found | undefined> {
  const [shipped] = space;
  if (!shipped || space.length < 2) return undefined;
  const timed = new Set<Candidate>([shipped]);
  const fastest = async (candidates: readonly Candidate[]): Promise<Candidate> => {
    for (const c of candidates) timed.add(c);
    const times = (await measure(candidates, false)).map(({ us }) => us);
    return candidates[times.indexOf(Math.min(...times))]!;
  };
  const best = await STRATEGY[options.strategy](space, fastest, options);
  const [before, last = before] = await measure(best === shipped ? [shipped] : [shipped, best], true);
  const beforeUs = before!.us;
  const pays = last!.verdict === "faster";
  return { best: pays ? best : shipped, timeUs: pays ? last!.us : beforeUs, beforeUs, timed: timed.size };
}

type Fastest = (candidates: readonly Candidate[]) => Promise<Candidate>;
type Search = (space: readonly Candidate[], fastest: Fastest, options: SearchOptions) => Promise<Candidate>;

const STRATEGY: Readonly<Record<Strategy, Search>> = {
  grid: (space, fastest) => fastest(space),

  random(space, fastest, { trials, random }) {
    const [shipped, ...others] = space;
    const drawn = [shipped!];
    while (drawn.length < trials && others.length > 0)
      drawn.push(...others.splice(Math.floor(random() * others.length), 1));
    return fastest(drawn);
  },

  async greedy(space, fastest) {
    const kernels = [...new Set(space.map(({ kernel }) => kernel))];
    let best = await fastest(kernels.map((kernel) => space.find((c) => c.kernel === kernel)!));
    for (const name of Object.keys(best.consts)) {
      const line = space.filter((c) => c.kernel === best.kernel && differsAtMostIn(name, c.consts, best.consts));
      if (line.length > 1) best = await fastest(line);
    }
    return best;
  },
};

const differsAtMostIn = (name: string, a: Consts, b: Consts): boolean =>
  Object.keys(a).every((key) => key === name || a[key] === b[key]);
