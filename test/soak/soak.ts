// What an experiment of the soak is: it tries one kind of harm as often as its time allows, and counts what went wrong.

export interface Soak {
  readonly name: string;
  /** What it tries, in a line of the table. */
  readonly tries: string;
  /**
   * About how long it takes to its goals on two cores of a software adapter: its part of the time, against the others'.
   */
  readonly seconds: number;
  run(budget: Budget, random: Random): Promise<Outcome>;
}

/** What an experiment is to reach in a run of 30 minutes; a goal that is not met is no failure, but is said. */
export interface Goal {
  /** "200 SIGKILLs" */
  readonly wanted: string;
  /** "203" */
  readonly reached: string;
  readonly met: boolean;
}

export interface Outcome {
  readonly tried: number;
  /** What went wrong, each with what it takes to see it again. */
  readonly failed: readonly string[];
  /** Figures, and what could not be tried here. */
  readonly notes: readonly string[];
  readonly goals: readonly Goal[];
}

/** How long an experiment goes on: until its time is over, or it tried as often as it may. At least once each. */
export class Budget {
  readonly #end: number;

  constructor(
    readonly seconds: number,
    readonly most = Infinity,
    /** Whether it is a test's, of a few tries: no goals, and nothing that takes minutes. */
    readonly isShort = most !== Infinity,
  ) {
    this.#end = performance.now() + 1000 * seconds;
  }

  get leftMs(): number {
    return this.#end - performance.now();
  }

  /** Whether one more is to be tried after `tried`. */
  allows(tried: number): boolean {
    return tried < this.most && (tried === 0 || this.leftMs > 0);
  }

  /** A part of it, for one of several things that are tried; `most` times at most, where that is fewer. */
  part(share: number, most = Infinity): Budget {
    return new Budget((Math.max(0, this.leftMs) / 1000) * share, Math.min(most, this.most), this.isShort);
  }
}

/**
 * How long something took: by the clock, and by the processor, which is all that counts on a machine with other work.
 */
export class Since {
  readonly #at = performance.now();
  readonly #cpu = process.cpuUsage();

  get ms(): number {
    return performance.now() - this.#at;
  }

  /** The shorter of both. */
  get ownMs(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return Math.min(this.ms, (user + system) / 1000);
  }
}

/** Seeded random numbers: mulberry32 (Ettinger, public domain). */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 … n − 1. */
  whole(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(of: readonly T[]): T {
    return of[this.whole(of.length)]!;
  }

  /** Numbers of their own for the n-th try, whatever was drawn before. */
  of(n: number): Random {
    return new Random((Math.imul(this.seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(n + 1, 0xc2b2ae35)) >>> 0);
  }
}

/** Counts what was tried, and keeps what failed. */
export class Tally implements Outcome {
  tried = 0;
  readonly failed: string[] = [];
  readonly notes: string[] = [];
  readonly goals: Goal[] = [];

  /** Tries once: what `attempt` throws is a failure, told with `what`. */
  async try(what: string, attempt: () => Promise<void> | void): Promise<void> {
    this.tried++;
    try {
      await attempt();
    } catch (error) {
      this.failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  note(line: string): void {
    this.notes.push(line);
  }

  goal(wanted: string, reached: string, met: boolean): void {
    this.goals.push({ wanted, reached, met });
  }

  /** A goal of `wanted` tries, or of what else is counted. */
  count(of: string, reached: number, wanted: number): void {
    this.goal(`${wanted.toLocaleString("en")} ${of}`, reached.toLocaleString("en"), reached >= wanted);
  }

  /** Takes the outcome of a part, whose lines begin with `name`. */
  take(name: string, { tried, failed, notes, goals }: Outcome): void {
    this.tried += tried;
    this.failed.push(...failed.map((line) => `${name}: ${line}`));
    this.notes.push(...notes.map((line) => `${name}: ${line}`));
    this.goals.push(...goals.map((goal) => ({ ...goal, wanted: `${goal.wanted} (${name})` })));
  }
}

/** Does `each` of what there is to do, so many at once. */
export async function inLanes<T>(lanes: number, work: Iterable<T>, each: (one: T) => Promise<void>): Promise<void> {
  const rest = work[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); !next.done; next = rest.next()) await each(next.value);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Throws unless `holds`. */
export function must(holds: unknown, problem: string): asserts holds {
  if (!holds) throw new Error(problem);
}

/** The value at a part of the way through the sorted values: ½ is the median. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}
