// What an experiment of the soak is: it tries one kind of harm as often as its time allows, and counts what went wrong.

export interface Soak {
  readonly name: string;
  /** What it tries, in a line of the table. */
  readonly tries: string;
  /** Its part of the time, against the others' parts. */
  readonly share: number;
  run(budget: Budget, random: Random): Promise<Outcome>;
}

export interface Outcome {
  readonly tried: number;
  /** What went wrong, each with what it takes to see it again. */
  readonly failed: readonly string[];
  /** Figures, and what could not be tried here. */
  readonly notes: readonly string[];
}

/** How long an experiment goes on: until its time is over, or it tried as often as it may. At least once each. */
export class Budget {
  readonly #end: number;

  constructor(
    readonly seconds: number,
    readonly most = Infinity,
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

  /** A part of it, for one of several things that are tried. */
  part(share: number): Budget {
    return new Budget(Math.max(0, this.leftMs / 1000) * share, this.most);
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
