// t-SNE (van der Maaten & Hinton 2008): a map of points in which neighbours stay neighbours.
import { type Device, NumericalError, UsageError } from "../../engine/index.ts";
import { keyOf, normal } from "../../data/random.ts";
import { type Points, centred, checkPoints, principalPlane } from "../points.ts";
import { type Affinities, neighboursOf, symmetric } from "./affinities.ts";
import { Descent } from "./descent.ts";

export interface TsneOptions {
  /** How many neighbours count, smoothly; three times as many are looked for. Default 60, as the paper has it. */
  readonly perplexity?: number;
  /** Default 1000. */
  readonly iterations?: number;
  readonly seed?: number;
  /** Whether all pairs push each other ("exact") or a grid does ("grid"). Default: exact up to 4,096 points. */
  readonly repulsion?: "exact" | "grid";
  /** Once it aborts, its reason is thrown. */
  readonly signal?: AbortSignal;
  /** Hears of how far the work is: rows of neighbours, then iterations, with the divergence at some of these. */
  onProgress?(progress: TsneProgress): void;
}

export interface TsneProgress {
  readonly stage: "neighbours" | "iterations";
  readonly done: number;
  readonly total: number;
  /** KL(P ‖ Q) after this iteration, without exaggeration; every 50 iterations and at the end. */
  readonly divergence?: number;
}

export interface TsneMap {
  /** [count, 2]. */
  readonly positions: Float32Array;
  /** KL(P ‖ Q) in nats, P of the neighbours that were looked for. */
  readonly divergence: number;
  readonly perplexity: number;
  readonly iterations: number;
  readonly repulsion: "exact" | "grid";
}

/** Most points whose pairs are all looked at in each step. */
const MOST_EXACT = 4096;
const EXAGGERATION = 12;
/** Iterations with exaggeration, at most a quarter of all. */
const EARLY = 250;
const REPORT_EVERY = 50;
/** The first map's spread along its first axis, and that of the noise which parts points that are the same. */
const START = 1e-4;
const NOISE = 1e-6;

/**
 * A map of points [count, channels] in the plane by t-SNE. P is that of the 3 × perplexity nearest neighbours. The map
 * starts at the first two principal components, scaled to a spread of 10⁻⁴, with noise of 10⁻⁶ by `seed`; gradient
 * descent has momentum 0.5 and P twelvefold for 250 iterations (or a quarter of all, if that is less), then momentum
 * 0.8; gains by coordinate; the rate is max(count / 48, 50), scikit-learn's "auto". The same points, options and
 * adapter give the same map. What the device holds for it is freed with the device. Throws UsageError where the
 * perplexity is too large for so few points, ShapeError, NumericalError where points are not finite.
 */
export async function tsne(device: Device, points: Points, options: TsneOptions = {}): Promise<TsneMap> {
  const { perplexity = 60, iterations = 1000, seed = 0, signal, onProgress } = options;
  const { count } = points;
  checkPoints("tsne", points);
  checkPerplexity(perplexity, count);
  if (!(Number.isInteger(iterations) && iterations > 0))
    throw new UsageError(`tsne: iterations is ${iterations}; it must be a whole number from 1 on`);
  const space = centred(points);
  const k = Math.floor(3 * perplexity);
  const neighbours = await neighboursOf(device, space, {
    k,
    perplexity,
    onRows: (done) => {
      signal?.throwIfAborted();
      onProgress?.({ stage: "neighbours", done, total: count });
    },
  });
  const affinities = symmetric(neighbours, k);
  const kind = options.repulsion ?? (count <= MOST_EXACT ? "exact" : "grid");
  using descent = new Descent(device, affinities, startOf(space, seed), kind === "exact");
  const entropy = entropyOf(affinities);
  const early = Math.min(EARLY, Math.floor(iterations / 4));
  const rate = Math.max(count / (4 * EXAGGERATION), 50);
  let divergence = NaN;
  for (let done = 1; done <= iterations; done++) {
    signal?.throwIfAborted();
    const isEarly = done <= early;
    const sizes = { momentum: isEarly ? 0.5 : 0.8, exaggeration: isEarly ? EXAGGERATION : 1, rate };
    const { low, high } = await descent.step(sizes);
    if (![...low, ...high].every(Number.isFinite))
      throw new NumericalError(`tsne: the map is not finite after iteration ${done}; this is a fault: report it`);
    const isTold = done === iterations || (done % REPORT_EVERY === 0 && onProgress !== undefined);
    if (isTold) divergence = (await descent.crossEntropy()) - entropy;
    onProgress?.({ stage: "iterations", done, total: iterations, ...(isTold ? { divergence } : {}) });
  }
  return { positions: await descent.positions(), divergence, perplexity, iterations, repulsion: kind };
}

function checkPerplexity(perplexity: number, count: number): void {
  if (!(perplexity >= 1 && Number.isFinite(perplexity)))
    throw new UsageError(`tsne: perplexity is ${perplexity}; it must be at least 1`);
  const needed = Math.floor(3 * perplexity) + 1;
  if (count < needed)
    throw new UsageError(
      `tsne: a perplexity of ${perplexity} needs at least ${needed} points, got ${count}` +
        (count >= 4 ? `; give more points, or a perplexity of at most ${Math.floor((count - 1) / 3)}` : ""),
    );
}

/** Σ_ij −p_ij·ln p_ij. */
function entropyOf({ values }: Affinities): number {
  let sum = 0;
  for (const p of values) if (p > 0) sum -= p * Math.log(p);
  return sum;
}

function startOf(space: Points, seed: number): Float32Array {
  const plane = principalPlane(space);
  const key = keyOf(seed, "tsne");
  let square = 0;
  for (let i = 0; i < plane.length; i += 2) square += plane[i]! ** 2 / space.count;
  const scale = square > 0 ? START / Math.sqrt(square) : 0;
  return Float32Array.from(plane, (v, i) => scale * v + NOISE * normal(key, i));
}
