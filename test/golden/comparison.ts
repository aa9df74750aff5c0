// Results beside PyTorch's: every tensor is checked norm-wise, failures name the worst element.
import { type SafetensorsTensor, readSafetensors, toFloat32 } from "../../data/weights/safetensors.ts";

/** A stored tensor: row-major f32, in PyTorch's layouts (N, C, H, W). */
export interface Stored {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface GoldenFile {
  /** File name without extension. */
  readonly name: string;
  readonly tensors: ReadonlyMap<string, Stored>;
  /** The JSON beside it, where one is. */
  readonly notes?: unknown;
}

export function parseGolden(name: string, bytes: Uint8Array, notes?: unknown): GoldenFile {
  const { tensors } = readSafetensors(bytes, name);
  const stored = ([key, t]: [string, SafetensorsTensor]): [string, Stored] => [
    key,
    { shape: t.shape, data: toFloat32(t) },
  ];
  return { name, tensors: new Map([...tensors].map(stored)), notes };
}

/** Tensors whose names begin with `prefix`, by the rest of the name. */
export const under = (tensors: ReadonlyMap<string, Stored>, prefix: string): Map<string, Stored> =>
  new Map([...tensors].filter(([k]) => k.startsWith(prefix)).map(([k, t]) => [k.slice(prefix.length), t]));

export const norm = (x: ArrayLike<number>): number => {
  let s = 0;
  for (let i = 0; i < x.length; i++) s += x[i]! * x[i]!;
  return Math.sqrt(s);
};

/** ‖got − want‖ / max(‖want‖, floor): 0 for equal, Infinity where a value is not finite or a length differs. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>, floor = 0): number {
  if (got.length !== want.length) return Infinity;
  let d2 = 0;
  for (let i = 0; i < want.length; i++) d2 += (got[i]! - want[i]!) ** 2;
  if (!Number.isFinite(d2)) return Infinity;
  return d2 === 0 ? 0 : Math.sqrt(d2) / Math.max(norm(want), floor);
}

export class Comparison {
  checked = 0;
  /** Largest relative error, and whose. */
  worst = 0;
  worstName = "";
  readonly failures: string[] = [];
  readonly skipped: string[] = [];
  /** What a reader of the result should know. */
  readonly notes: string[] = [];
  /** Relative error of every tensor, and every other figure checked, by name. */
  readonly errors = new Map<string, number>();

  /** Checks one tensor norm-wise; both in one layout. `floor` stands in for ‖want‖ where that is smaller. */
  check(name: string, got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, floor = 0): void {
    const error = relativeError(got, want, floor);
    this.checked++;
    this.errors.set(name, error);
    if (error > this.worst || Number.isNaN(error)) [this.worst, this.worstName] = [error, name];
    if (!(error <= tolerance))
      this.failures.push(
        `${name}: relative error ${show(error)}, allowed ${show(tolerance)}; ${worstElement(got, want)}`,
      );
  }

  /** Checks a statement about several tensors. */
  checkAtMost(name: string, value: number, limit: number): void {
    this.checked++;
    this.errors.set(name, value);
    if (!(value <= limit)) this.failures.push(`${name}: ${show(value)}, allowed ${show(limit)}`);
  }

  /** Runs `f`; what it throws is a failure of `name`. */
  async attempt(name: string, f: () => Promise<void>): Promise<void> {
    try {
      await f();
    } catch (error) {
      this.checked++;
      this.failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  skip(name: string): void {
    this.skipped.push(name);
  }
}

export const show = (x: number): string => x.toExponential(1);

function worstElement(got: ArrayLike<number>, want: ArrayLike<number>): string {
  if (got.length !== want.length) return `${got.length} elements, wanted ${want.length}`;
  let at = 0;
  let most = -1;
  for (let i = 0; i < want.length; i++) {
    const d = Math.abs(got[i]! - want[i]!);
    if (!(d <= most)) [at, most] = [i, Number.isNaN(d) ? Infinity : d];
  }
  return `worst element ${at} of ${want.length}: got ${got[at]}, wanted ${want[at]}`;
}
