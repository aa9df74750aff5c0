// Training by several processes, the ranks: each has an equal part of every batch, and together they do what one would
// do with the whole of it, to rounding.
import { type Program, type TracedRanks, ExchangedProgram, UsageError, tracedRanks } from "../engine/index.ts";
import { halfSum } from "./half-sum.ts";

/**
 * What connects the ranks, whatever carries it. Every rank calls the same functions in the same order; several may be
 * under way at once. Results are the same on every rank, bit for bit. What throws ends the job.
 */
export interface Ranks {
  /** 0 … size − 1. */
  readonly rank: number;
  readonly size: number;
  /** The sum of `values` over the ranks, element by element. */
  sum(values: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;
  /** Of `size` equal parts of each rank's `values`: the parts with this rank's number, in the order of the ranks. */
  allToAll(values: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>>;
  /** What each rank gave, in the order of the ranks; all of one length. */
  allGather(values: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>>;
}

/** In what gradients are sent: as they are, or in half precision, which halves the bytes. */
export const COMPRESSIONS = ["none", "f16"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** How a step is shared among ranks. */
export interface Sharing {
  readonly ranks: Ranks;
  readonly compress?: Compression;
}

/** A rank's part of a batch. Throws UsageError where the ranks do not divide it. */
export function partOf(batch: number, { size }: Pick<Ranks, "size">): number {
  if (batch % size === 0) return batch / size;
  const fits = Array.from({ length: batch }, (_, i) => i + 1).filter((n) => batch % n === 0);
  throw new UsageError(
    `a batch of ${batch} does not divide among ${size} ranks (optimization.batch is that of all ranks together): ` +
      `start ${fits.join(", ").replace(/, (\d+)$/, " or $1")}, or give a batch that is a multiple of ${size}`,
  );
}

/** What a step that is traced for this rank sees of the others. */
export const tracedFor = ({ ranks }: Sharing): TracedRanks => tracedRanks(ranks.rank, ranks.size);

/** A step's program, run together with the other ranks. */
export const shared = (program: Program, { ranks, compress = "none" }: Sharing): ExchangedProgram =>
  new ExchangedProgram(program, (values, isGradient) =>
    isGradient && compress === "f16" ? halfSum(values, ranks) : ranks.sum(values),
  );

/**
 * The means over the ranks of the first number of each, by name, in f32; `flag` of any rank comes back as true on all
 * of them. One exchange.
 */
export async function meanOverRanks(
  ranks: Ranks,
  numbers: Readonly<Record<string, ArrayLike<number>>>,
  flag: boolean,
): Promise<{ means: Record<string, readonly [number]>; flag: boolean }> {
  const sums = await ranks.sum(Float32Array.from([Number(flag), ...Object.values(numbers).map((n) => n[0]!)]));
  const means = Object.keys(numbers).map((name, i) => [name, [sums[i + 1]! / ranks.size]] as const);
  return { means: Object.fromEntries(means), flag: sums[0]! > 0 };
}

/** Whether rank 0 says so: where ranks must not differ in what they do next. */
export const asRankZero = async (ranks: Ranks, decision: boolean): Promise<boolean> =>
  (await ranks.sum(Float32Array.of(Number(ranks.rank === 0 && decision))))[0]! > 0;

/** Throws UsageError on every rank where one of them has another u32 than the rest: `what` it stands for. */
export async function requireAlike(ranks: Ranks, n: number, what: string): Promise<void> {
  // Sums of 12 bits are exact in f32 for 4096 ranks. Whoever differs from the mean tells.
  const digits = [n & 0xfff, (n >>> 12) & 0xfff, n >>> 24];
  const sums = await ranks.sum(Float32Array.from(digits));
  const differs = await ranks.sum(Float32Array.of(Number(digits.some((d, i) => d * ranks.size !== sums[i]))));
  if (differs[0]! > 0) throw new UsageError(`the ranks differ in ${what}`);
}
