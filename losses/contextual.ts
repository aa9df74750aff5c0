// Contextual loss (Mechrez et al. 2018): two images are alike where each feature of one finds its like anywhere in the other.
import {
  type Tensor, add, clamp, div, log, matmul, max, maximum, mean, min, mul, neg, norm2, reshape, softmax, square, sub, sum, total, transpose,
} from "../engine/index.ts";

export interface ContextualOptions {
  /** h of w = exp((1 − d̄) / h): smaller bands tell matches apart more sharply. */
  bandWidth?: number;
  /** d = 1 − cos, its half, or ‖x − y‖² of the features as they are. */
  distance?: "cosine" | "half-cosine" | "squared-l2";
  /** "source": each target feature takes its best source, as the published code does; "target": the indices as the paper prints them. */
  best?: "source" | "target";
  /** ε within the logarithm. */
  logEps?: number;
}

/**
 * Eq. (4): −log CX(f(G(x)), f(y)), mean over the batch.
 * x: features of the translated images [N, H, W, C], y: of real images of the target modality; lists give the mean over layers. Scalar.
 */
export function contextual(x: Tensor | readonly Tensor[], y: Tensor | readonly Tensor[], options: ContextualOptions = {}): Tensor {
  const xs = listOf(x), ys = listOf(y);
  const layers = xs.map((layer, i) => mean(neg(log(add(contextualSimilarity(layer, ys[i], options), options.logEps ?? 1e-5)))));
  return layers.length === 1 ? layers[0] : div(total(...layers), layers.length);
}

/** Eq. (3): CX = mean_j max_i CX_ij in (0, 1]. x, y [N, H, W, C] → [N]. CX_ij says how much i prefers j to other targets. */
export function contextualSimilarity(x: Tensor, y: Tensor, { bandWidth = 0.5, distance = "cosine", best = "source" }: ContextualOptions = {}): Tensor {
  const d = distance === "squared-l2" ? squaredDistance(points(x), points(y)) : cosineDistance(points(x), points(y), distance === "cosine" ? 1 : 0.5);
  const relative = div(d, add(min(d, 2, { keepDims: true }), 1e-5));
  // exp((1 − d̄)/h) normalised over j: as a softmax it cannot overflow.
  const cx = softmax(div(sub(1, relative), bandWidth), 2);
  return mean(max(cx, best === "source" ? 1 : 2), 1);
}

const listOf = (x: Tensor | readonly Tensor[]): readonly Tensor[] => ("shape" in x ? [x] : x);

/** [N, H, W, C] → [N, H·W, C]. */
const points = (x: Tensor): Tensor => reshape(x, [x.shape[0], -1, x.shape[3]]);

/** x·yᵀ per image: [N, S, C], [N, T, C] → [N, S, T]. */
const products = (x: Tensor, y: Tensor): Tensor => matmul(x, transpose(y, [0, 2, 1]));

/** scale·(1 − cos) of features centred by y's mean over batch and space. */
function cosineDistance(x: Tensor, y: Tensor, scale: number): Tensor {
  const centre = mean(y, [0, 1], { keepDims: true });
  const d = sub(1, products(unit(sub(x, centre)), unit(sub(y, centre))));
  return scale === 1 ? d : mul(scale, d);
}

/** Each point divided by its length; the zero vector stays zero. */
const unit = (x: Tensor): Tensor => div(x, maximum(norm2(x, 2, { keepDims: true }), 1e-12));

/** ‖x − y‖² = ‖x‖² + ‖y‖² − 2x·y, not below 0. */
function squaredDistance(x: Tensor, y: Tensor): Tensor {
  const x2 = sum(square(x), 2, { keepDims: true });
  const y2 = transpose(sum(square(y), 2, { keepDims: true }), [0, 2, 1]);
  return clamp(sub(add(x2, y2), mul(2, products(x, y))), { min: 0 });
}
