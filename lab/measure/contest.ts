// Several against the first of them, round by round in one process: until each is known to be slower, faster or the
// same, or the time is up.
import type { Rounds } from "./rounds.ts";
import { type Summary, summarize } from "../statistics.ts";
import { LEAST_ROUNDS, type Ratio, type Verdict, pairedRatio, verdictOf } from "./verdict.ts";

export interface ContestOptions {
  /** It ends after so many seconds, once there are rounds enough for an interval. Default 40. */
  readonly seconds?: number;
  /** In [0, 1): what the order of a round is drawn by. Default Math.random. */
  readonly random?: () => number;
  /** Asked after each round: true ends it. */
  readonly isStopped?: () => boolean;
}

export interface Standing {
  readonly ms: Summary;
  /** Times over those of the first, round by round; the first has none. */
  readonly against?: Ratio & { readonly verdict: Verdict };
}

/** Rounds that are not counted. */
const WARM_UP = 2;

/** Each look has half as many rounds more than the one before. */
const nextLook = (rounds: number): number => Math.ceil(1.5 * rounds);

/** What `count` contestants took, and the verdict of each but the first on whether it takes the first one's time. */
export async function contest(rounds: Rounds, count: number, options: ContestOptions = {}): Promise<Standing[]> {
  const { seconds = 40, random = Math.random, isStopped = () => false } = options;
  const times = Array.from({ length: count }, (): number[] => []);
  const first = times[0]!;
  const open = new Set(times.keys());
  open.delete(0);
  /** The verdict of each at the last look: it must stand at two in a row, for what disturbs may last a while. */
  const looked = new Map<number, Verdict>();
  for (let i = 0; i < WARM_UP; i++) await rounds.round([...times.keys()]);
  const start = performance.now();
  const isLate = (): boolean => performance.now() - start > 1000 * seconds;
  let look = LEAST_ROUNDS;
  while (true) {
    const order = shuffled([0, ...open], random);
    const took = await rounds.round(order);
    order.forEach((i, at) => times[i]!.push(took[at]!));
    if (isStopped() || (first.length >= LEAST_ROUNDS && isLate())) break;
    if (first.length < look) continue;
    look = nextLook(look);
    for (const i of open) {
      const verdict = verdictOf(pairedRatio(first, times[i]!));
      if (verdict !== "noisy" && verdict === looked.get(i)) open.delete(i);
      looked.set(i, verdict);
    }
    if (open.size === 0) break;
  }
  return times.map((own, i) => ({ ms: summarize(own), ...(i === 0 ? {} : { against: judged(first, own) }) }));
}

function judged(first: readonly number[], own: readonly number[]): Ratio & { verdict: Verdict } {
  const ratio = pairedRatio(first, own);
  return { ...ratio, verdict: verdictOf(ratio) };
}

/** Fisher and Yates. */
function shuffled(items: readonly number[], random: () => number): number[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
