// Times of candidates as plain JSON, and searches that are played over them: which strategy is enough, without a GPU.
import { UsageError } from "../../engine/errors.ts";
import { quantile } from "../statistics.ts";
import { MARGIN } from "../measure/verdict.ts";
import {
  type Candidate,
  type SearchOptions,
  STRATEGIES,
  type Strategy,
  type Timed,
  drawsOf,
  search,
} from "./search.ts";

/** All medians that were taken of a candidate, in µs. */
export interface RecordedCandidate extends Candidate {
  readonly us: readonly number[];
}

/** Candidates by a problem's label, first what ships. */
export interface Recording {
  readonly adapter: string;
  readonly problems: Readonly<Record<string, readonly RecordedCandidate[]>>;
}

/** What a strategy would have found. */
export interface Played {
  readonly strategy: Strategy;
  readonly problems: number;
  /** Candidates timed, of all that there are. */
  readonly timed: number;
  readonly candidates: number;
  /** Time of what it found over that of the fastest there is: the geometric mean over problems, and the largest. */
  readonly ratio: number;
  readonly worst: number;
}

/** Keeps what `tune` tells by `onTime`. */
export class Recorder {
  readonly #problems = new Map<string, Map<string, { candidate: Candidate; us: number[] }>>();

  constructor(readonly adapter: string) {}

  readonly hear = (problem: string, candidate: Candidate, us: number): void => {
    const known = this.#problems.get(problem) ?? new Map<string, { candidate: Candidate; us: number[] }>();
    this.#problems.set(problem, known);
    const name = JSON.stringify(candidate);
    const times = known.get(name) ?? { candidate, us: [] };
    known.set(name, times);
    times.us.push(us);
  };

  /** All times heard so far. */
  get recording(): Recording {
    const problems = [...this.#problems].map(([label, candidates]) => [
      label,
      [...candidates.values()].map(({ candidate, us }) => ({ ...candidate, us })),
    ]);
    return { adapter: this.adapter, problems: Object.fromEntries(problems) };
  }
}

/**
 * Plays every strategy over a recording. Throws UsageError where one asks for a candidate that was not timed: only
 * what "grid" recorded has them all.
 */
export async function simulate(
  { problems }: Recording,
  { trials = 8, seed = 0 }: Partial<Pick<SearchOptions, "trials">> & { readonly seed?: number } = {},
): Promise<Played[]> {
  const played: Played[] = [];
  for (const strategy of STRATEGIES) {
    const how: SearchOptions = { strategy, trials, random: drawsOf(seed) };
    const ratios: number[] = [];
    let timed = 0;
    for (const space of Object.values(problems)) {
      const found = await search(space, (asked) => Promise.resolve(standingsIn(space, asked)), how);
      if (!found) continue;
      timed += found.timed;
      ratios.push(timeIn(space, found.best) / Math.min(...space.map(medianOf)));
    }
    played.push({
      strategy,
      problems: ratios.length,
      timed,
      candidates: Object.values(problems).reduce((n, space) => n + (space.length > 1 ? space.length : 0), 0),
      ratio: Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length),
      worst: Math.max(...ratios),
    });
  }
  return played;
}

const medianOf = ({ us }: RecordedCandidate): number => quantile(us, 0.5);

/** The recorded times of candidates; what takes less than the first by the margin of a verdict is faster. */
function standingsIn(space: readonly RecordedCandidate[], asked: readonly Candidate[]): readonly Timed[] {
  const times = asked.map((c) => timeIn(space, c));
  return times.map((us) => ({ us, verdict: us * (1 + MARGIN) < times[0]! ? "faster" : "same" }));
}

function timeIn(space: readonly RecordedCandidate[], candidate: Candidate): number {
  const recorded = space.find(
    (c) => JSON.stringify([c.kernel, c.consts]) === JSON.stringify([candidate.kernel, candidate.consts]),
  );
  if (!recorded)
    throw new UsageError(
      `the recording has no time of ${candidate.kernel} ${JSON.stringify(candidate.consts)}; record with the strategy grid`,
    );
  return medianOf(recorded);
}
