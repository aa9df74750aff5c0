// How the families cut a problem into workgroups, invocations and chunks.
import type { Kernel, Traits } from "./kernel.ts";

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** Workgroup counts for `count` workgroups, folded from x into y beyond 65,535, times `z`. */
export function fold(count: number, z = 1): [x: number, y: number, z: number] {
  const y = Math.max(1, ceilDiv(count, 65535));
  return [Math.max(1, ceilDiv(count, y)), y, z];
}

/** So many pixels are one quad's. */
export const FEW_PIXELS = 16;
/**
 * Workgroups of four quads, each of which does 16 pixels × a tile of channels: pixels side by side, or tiles where one
 * quad has all pixels; times `z`.
 */
export const quadGroups = (pixels: number, tiles: number, z = 1): [x: number, y: number, z: number] =>
  pixels <= FEW_PIXELS ? [1, 1, z * ceilDiv(tiles, 4)] : fold(ceilDiv(pixels, 64), z * tiles);

/** Whether invocations can share loads by fours, and gain by it: an adapter on a CPU with subgroups. */
export const quads = (t: Traits): boolean => t.cpu && t.subgroups;
/** Whether eight invocations can share a load. */
export const octets = (t: Traits): boolean => quads(t) && (t.lanes ?? 4) >= 8;
/**
 * Invocations that share loads of one factor in a sum of so many steps of four terms: where eight can, they do two steps
 * a turn.
 */
export const sharers = (steps: number, t: Traits): 4 | 8 => (octets(t) && steps % 2 === 0 ? 8 : 4);
/** Whether the factors of a product are read as texels, if they are not too large. */
export const readsTexels = (p: { readonly half: boolean }, t: Traits): boolean => t.texels === true && !p.half;

/**
 * vec4s (of `size` channels) per invocation. Three and more need fewer loads but spill registers, which costs a CPU
 * more.
 */
export const vectorsPerThread = (size: number): number => (size <= 4 ? 1 : 2);
/**
 * As `vectorsPerThread`, of a kernel for CPU adapters whose invocations share one factor (filters, the right matrix):
 * where that is read as texels up to four are faster, spilled or not, for the other factor's loads are most of the time.
 */
export function vectorsPerQuadThread(size: number, texels: boolean): number {
  if (!texels) return vectorsPerThread(size);
  const vectors = Math.max(1, ceilDiv(size, 4));
  return ceilDiv(vectors, ceilDiv(vectors, 4));
}
/** Channels per invocation of a scalar kernel. */
export const scalarTile = (size: number): number => (size === 1 ? 1 : 4);

/** Workgroups below which a GPU idles. */
const BUSY = 128;
/**
 * vec4s of columns per invocation of a 64 × 32·NB workgroup tile: one where the columns are few, or all tiles of
 * `rows` × `size` would leave a GPU idle.
 */
export const columnBlocks = (rows: number, size: number): number =>
  size <= 32 || ceilDiv(rows, 64) * ceilDiv(size, 64) < BUSY ? 1 : 2;

/** A sum cut into `chunks` of `chunk` steps each, the last perhaps shorter; `sum-partials` joins them. */
export type Chunks = { readonly chunk: number; readonly chunks: number };

/** Terms that an implicit product sums in one step. */
const STEP_TERMS = 16;
/** Fewest steps of a chunk, 256 terms: shorter ones cost more to join than they gain. */
const FEWEST_STEPS = 16;

/**
 * How an implicit product's sum of `depth` terms is cut where its tiles alone leave a GPU idle. One chunk for a kernel
 * that takes none.
 */
export function splitDepth<P>(kernel: Kernel<P, P & Chunks>, p: P, depth: number, traits: Traits): Chunks {
  const steps = ceilDiv(depth, STEP_TERMS);
  const whole = { chunk: steps, chunks: 1 };
  if (!kernel.params.some((f) => f.name === "chunks")) return whole;
  const [x, y, z] = kernel.workgroups!({ ...p, ...whole }, kernel.consts!(p, traits));
  const chunk = Math.max(ceilDiv(steps, ceilDiv(BUSY, x * y * z)), Math.min(steps, FEWEST_STEPS));
  return { chunk, chunks: ceilDiv(steps, chunk) };
}
