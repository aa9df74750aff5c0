// Contextual similarity of points, with its gradient.
import { oneOf } from "../choice.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import { ofRank, show } from "../shape.ts";
import { type Tensor, apply, applyAll } from "../tensor.ts";
import { toF32 } from "./cast.ts";
import { type ContextualAttrs, contextualOp } from "./contextual.ts";
import { contextualGradOp, contextualPullOp } from "./contextual-grad.ts";
import { mul } from "./elementwise.ts";
import { pad } from "./pad.ts";
import { withGradient } from "./pass.ts";

export interface ContextualMatchOptions {
  /** h of w = exp((1 − d̄) / h). */
  readonly bandWidth?: number;
  /** "source": of each y its most similar x; "target": of each x its most similar y. */
  readonly best?: "source" | "target";
  /** d[i,j] = max(bias − scale · x[i]·y[j], least): 1, 1, −∞ for the cosine distance of unit vectors. */
  readonly bias?: number;
  readonly scale?: number;
  readonly least?: number;
}

/**
 * Largest similarities max_i CX[i,j] [N, T] ("source") or max_j CX[i,j] [N, S] ("target") of points x [N, S, C] and y
 * [N, T, C], where CX[i,j] = w[i,j] / Σ_j w[i,j], w = exp((1 − d[i,j] / (min_j d[i,j] + 1e-5)) / h). Mechrez et al.
 * 2018, Eq. 2–4. Memory is O(S + T) per sample, either way, beside at most 16 MiB on a CPU; the first of equal
 * extremes takes the gradient. Throws ShapeError.
 */
export function contextualMatch(
  x: Tensor,
  y: Tensor,
  { bandWidth = 0.5, best = "source", bias = 1, scale = 1, least = -3e38 }: ContextualMatchOptions = {},
): Tensor {
  const op = "contextualMatch";
  oneOf(op, "best", best, ["source", "target"]);
  for (const [name, t] of Object.entries({ x, y })) {
    if (t.rank !== 3) throw new ShapeError(op, `${name} is ${show(t.shape)}; it must be points [N, S, C]`);
    if (!isFloat(t.dtype)) throw new ShapeError(op, `${name} is ${t.dtype}${show(t.shape)}; cast it to f32`);
    if (t.shape[1] === 0) throw new ShapeError(op, `${name} is ${show(t.shape)}; it needs at least one point`);
  }
  if (x.shape[0] !== y.shape[0] || x.shape[2] !== y.shape[2])
    throw new ShapeError(op, `x is ${show(x.shape)} and y ${show(y.shape)}; N and C must be equal`);
  if (!(bandWidth > 0)) throw new ShapeError(op, `bandWidth is ${bandWidth}; it must be above 0`);
  return matched(inFours(x), inFours(y), { bandWidth, best, bias, scale, least });
}

/** Points in f32, channels of zeros added up to a multiple of four. */
function inFours(x: Tensor): Tensor {
  const [, , c] = ofRank(x.shape, 3);
  const none = [0, 0] as const;
  return c % 4 === 0 ? toF32(x) : pad(toF32(x), [none, none, [0, 4 - (c % 4)]]);
}

function matched(x: Tensor, y: Tensor, attrs: ContextualAttrs): Tensor {
  const [largest, rows, spread, best = rows] = applyAll(contextualOp, [x, y], attrs) as readonly [
    Tensor,
    Tensor,
    Tensor,
    Tensor?,
  ];
  const c = withGradient(largest, [x, y], (dc) => {
    const gain = mul(dc, c);
    const [pull, order = rows] = applyAll(contextualPullOp, [rows, spread, best, c, gain], attrs);
    return (["x", "y"] as const).map((own) =>
      apply(contextualGradOp, [x, y, rows, pull, best, gain, order], { ...attrs, own }),
    );
  });
  return c;
}
