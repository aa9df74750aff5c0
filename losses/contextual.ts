// Contextual loss (Mechrez et al. 2018): two images are alike where each feature of one finds its like anywhere in
// the other. No matrix of all pairs is ever stored, in either direction: contextualMatch() walks it tile by tile.
import {
  add,
  concat,
  contextualMatch,
  div,
  full,
  log,
  maximum,
  mean,
  mul,
  neg,
  norm2,
  oneOf,
  ranks,
  reshape,
  square,
  sub,
  sum,
  type Tensor,
  toF32,
  total,
} from "../engine/index.ts";

export interface ContextualOptions {
  /** h of w = exp((1 − d̄) / h): smaller bands tell matches apart more sharply. */
  bandWidth?: number;
  /** d = 1 − cos, its half, or ‖x − y‖² of the features as they are. */
  distance?: "cosine" | "half-cosine" | "squared-l2";
  /**
   * "source": each target feature takes its best source, as the published code does; "target": the indices as the
   * paper prints them.
   */
  best?: "source" | "target";
  /** ε within the logarithm. */
  logEps?: number;
}

/**
 * Eq. (4): −log CX(f(G(x)), f(y)), mean over the batch. x: features of the translated images [N, H, W, C], y: of real
 * images of the target modality; lists give the mean over layers. Scalar.
 */
export function contextual(
  x: Tensor | readonly Tensor[],
  y: Tensor | readonly Tensor[],
  options: ContextualOptions = {},
): Tensor {
  const xs = listOf(x);
  const ys = listOf(y);
  const layers = xs.map((layer, i) =>
    mean(neg(log(add(contextualSimilarity(layer, ys[i]!, options), options.logEps ?? 1e-5)))),
  );
  const [only, ...others] = layers;
  return only && others.length === 0 ? only : div(total(...layers), layers.length);
}

/**
 * Eq. (3): CX = mean_j max_i CX_ij in (0, 1]. x, y [N, H, W, C] → [N]. CX_ij says how much i prefers j to other
 * targets.
 */
export function contextualSimilarity(
  x: Tensor,
  y: Tensor,
  { bandWidth = 0.5, distance = "cosine", best = "source" }: ContextualOptions = {},
): Tensor {
  oneOf("contextual", "distance", distance, ["cosine", "half-cosine", "squared-l2"]);
  const a = points(x);
  const b = points(y);
  if (distance === "squared-l2") {
    // ‖x − y‖² = ‖x‖² + ‖y‖² − 2x·y as one product: [x, ‖x‖², 1] · [−2y, 1, ‖y‖²].
    const squaredLength = (t: Tensor): Tensor => sum(square(t), 2, { keepDims: true });
    const x2 = squaredLength(a);
    const y2 = squaredLength(b);
    const u = concat([a, x2, full(x2.shape, 1)], 2);
    const v = concat([mul(-2, b), full(y2.shape, 1), y2], 2);
    return mean(contextualMatch(u, v, { bandWidth, best, bias: 0, scale: -1, least: 0 }), 1);
  }
  const own = mean(b, [0, 1], { keepDims: true });
  const centre = ranks()?.mean(own) ?? own;
  const half = distance === "cosine" ? 1 : 0.5;
  return mean(
    contextualMatch(unit(sub(a, centre)), unit(sub(b, centre)), { bandWidth, best, bias: half, scale: half }),
    1,
  );
}

const listOf = (x: Tensor | readonly Tensor[]): readonly Tensor[] => ("shape" in x ? [x] : x);

/** [N, H, W, C] → [N, H·W, C], f32. */
const points = (x: Tensor): Tensor => reshape(toF32(x), [x.shape[0]!, -1, x.shape[3]!]);

/** Each point divided by its length; the zero vector stays zero. */
const unit = (x: Tensor): Tensor => div(x, maximum(norm2(x, 2, { keepDims: true }), 1e-12));
