// A conformance suite: cases of one op each, with inputs, expected outputs, cotangents and expected gradients, kept in
// manifest.json and safetensors files beside it. Loads the cases and judges what an engine makes of them.
import { sizeOf } from "../../engine/index.ts";

export type SuiteDType = "f32" | "i32" | "u8";

/** What a value may differ by: nothing, or atol + rtol·|want|. */
export type Tolerance = { readonly exact: true } | { readonly rtol: number; readonly atol: number };

interface StoredRef {
  readonly file: string;
  readonly key: string;
  readonly shape: readonly number[];
  readonly dtype: SuiteDType;
}
interface GeneratedRef {
  readonly gen: { readonly kind: "lcg"; readonly seed: number; readonly lo: number; readonly hi: number };
  readonly shape: readonly number[];
  readonly dtype: "f32";
}
interface SampledRef {
  readonly shape: readonly number[];
  readonly dtype: SuiteDType;
  readonly sample_index: StoredRef;
  readonly sample_value: StoredRef;
  readonly fnv1a_u32words?: number;
}
export type InputRef = StoredRef | GeneratedRef;
export type ExpectedRef = (StoredRef | SampledRef) & { readonly tol: Tolerance };

export interface Case {
  readonly id: string;
  /** Who wrote the case. */
  readonly src: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, InputRef>>;
  readonly outputs: Readonly<Record<string, ExpectedRef>>;
  readonly grad_outputs?: Readonly<Record<string, InputRef>>;
  readonly grads?: Readonly<Record<string, ExpectedRef>>;
  readonly tags?: readonly string[];
  readonly note?: string;
}

/** Row-major values of one tensor. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** How one tensor compares: `message` where it fails. */
export interface Verdict {
  /** Largest error as a share of the tolerance; 0 where it is exact. */
  readonly worst: number;
  readonly message?: string;
}

/** The tensors of a file, by key. */
type Stored = ReadonlyMap<string, ArrayLike<number>>;

export class Suite {
  constructor(
    readonly cases: readonly Case[],
    private readonly files: ReadonlyMap<string, Stored>,
  ) {}

  /** `read` gives the bytes of a file by its path from the suite's folder. */
  static async load(read: (path: string) => Promise<Uint8Array>): Promise<Suite> {
    const manifest = JSON.parse(new TextDecoder().decode(await read("manifest.json"))) as {
      schema?: unknown;
      files?: unknown;
      cases?: unknown;
    };
    if (manifest.schema !== "conformance/1" || !Array.isArray(manifest.files) || !Array.isArray(manifest.cases)) {
      throw new Error(
        `manifest.json is of schema ${JSON.stringify(manifest.schema)}; this runner reads "conformance/1", with files and cases`,
      );
    }
    const files = new Map<string, Stored>();
    for (const path of manifest.files as string[]) files.set(path, stored(await read(path), path));
    return new Suite(manifest.cases as Case[], files);
  }

  /** The values that an input or a cotangent stands for. */
  values(ref: InputRef): Values {
    return { shape: ref.shape, data: "gen" in ref ? generated(ref) : this.#stored(ref) };
  }

  check(want: ExpectedRef, got: Values): Verdict {
    const failed = (message: string): Verdict => ({ worst: Infinity, message });
    if (got.shape.join() !== want.shape.join())
      return failed(`shape [${got.shape.join(", ")}], expected [${want.shape.join(", ")}]`);
    if (got.data.length !== sizeOf(want.shape))
      return failed(`${got.data.length} values, expected ${sizeOf(want.shape)}`);
    if (!("sample_index" in want)) return compare(got.data, this.#stored(want), want.tol);
    const at = this.#stored(want.sample_index);
    const verdict = compare(
      Array.from(at, (i) => got.data[i]),
      this.#stored(want.sample_value),
      want.tol,
      at,
    );
    if (verdict.message || want.fnv1a_u32words === undefined || hash(got.data) === want.fnv1a_u32words) return verdict;
    return failed("the samples agree, but not the hash of all values");
  }

  #stored({ file, key }: StoredRef): ArrayLike<number> {
    const found = this.files.get(file)?.get(key);
    if (!found) throw new Error(`the suite has no tensor ${key} in ${file}`);
    return found;
  }
}

const elements = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;

/** Reads a safetensors file as suites write them: tensors may be padded, which our own reader of weights refuses. */
function stored(bytes: Uint8Array, path: string): Stored {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const tensors = new Map<string, ArrayLike<number>>();
  for (const [
    key,
    {
      dtype,
      data_offsets: [from, to],
    },
  ] of Object.entries(header)) {
    if (key === "__metadata__") continue;
    if (!(dtype in elements))
      throw new Error(
        `${path}: tensor ${key} is of dtype ${dtype}; this runner reads ${Object.keys(elements).join(", ")}`,
      );
    // A copy, for what follows a header of any length is not aligned.
    const own = new Uint8Array(to - from);
    own.set(bytes.subarray(8 + length + from, 8 + length + to));
    tensors.set(key, new elements[dtype as keyof typeof elements](own.buffer));
  }
  return tensors;
}

/** Numbers of a linear congruential generator, in [lo, hi). */
function generated({ gen: { seed, lo, hi }, shape }: GeneratedRef): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  let state = seed >>> 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = lo + (hi - lo) * (state / 2 ** 32);
  }
  return data;
}

/** FNV-1a over the words of f32 values. */
function hash(values: ArrayLike<number>): number {
  const floats = values instanceof Float32Array ? values : Float32Array.from(values);
  const words = new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
  let h = 0x811c9dc5;
  for (let i = 0; i < words.length; i++) h = Math.imul(h ^ words[i], 16777619) >>> 0;
  return h;
}

/**
 * NaN wants NaN, an infinity itself; all else is held to the tolerance. `at` names the places that `got` was taken
 * from.
 */
export function compare(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tol: Tolerance,
  at?: ArrayLike<number>,
): Verdict {
  let worst = 0;
  let worstAt = -1;
  let wrong = 0;
  for (let i = 0; i < want.length; i++) {
    const g = got[i];
    const w = want[i];
    if (g === w || (Number.isNaN(g) && Number.isNaN(w))) continue;
    const allowed = "exact" in tol || !Number.isFinite(w) ? 0 : tol.atol + tol.rtol * Math.abs(w);
    const share = allowed > 0 ? Math.abs(g - w) / allowed : Infinity;
    const error = Number.isNaN(share) ? Infinity : share;
    if (error > 1) wrong++;
    if (error > worst) [worst, worstAt] = [error, i];
  }
  if (wrong === 0) return { worst };
  const times = Number.isFinite(worst) ? `, ${worst.toPrecision(3)} × tolerance` : "";
  return {
    worst,
    message: `${wrong} of ${want.length} wrong, the worst at ${at ? at[worstAt] : worstAt}: ${got[worstAt]}, expected ${want[worstAt]}${times}`,
  };
}
