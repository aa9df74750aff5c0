// Normalisation, and vectors of unit length.
import {
  type Tensor,
  add,
  batchNorm,
  cosineSimilarity,
  groupNorm,
  instanceNorm,
  layerNorm,
  mul,
  normalize,
  reshape,
  unitLength,
} from "../../../engine/index.ts";
import { type Adapter, type Adapters, alongLine, single, toNCHW, toNHWC } from "../adapter.ts";

interface Norm {
  eps: number;
  training: boolean;
  momentum: number;
  groups: number;
  normalized_shape: number[];
  axis: number;
  p: number;
}

const batch: Adapter<Norm> = ({ training, momentum, eps }, { x, w: weight, b: bias, running_mean, running_var }) => {
  // PyTorch takes an x [0], which we call a sample of no channels.
  const samples = toNHWC(x.rank === 1 ? reshape(x, [1, ...x.shape]) : x);
  const own = (y: Tensor): Tensor => reshape(toNCHW(y), x.shape);
  if (!training) return { y: own(normalize(samples, running_mean, running_var, eps, weight, bias)) };
  const { y, mean, variance, count } = batchNorm(samples, { eps, weight, bias });
  // A batch of nothing has no statistics to follow.
  const follow = (old: Tensor, batch: Tensor): Tensor =>
    x.size === 0 ? old : add(mul(old, 1 - momentum), mul(batch, momentum));
  return {
    y: own(y),
    ...(running_mean && { running_mean: follow(running_mean, mean) }),
    ...(running_var && { running_var: follow(running_var, mul(variance, count / (count - 1))) }),
  };
};

export const norm: Adapters = {
  batch_norm: batch,
  instance_norm: single(({ eps }: Norm, { x, w: weight, b: bias }) =>
    toNCHW(instanceNorm(toNHWC(x), { eps, weight, bias })),
  ),
  group_norm: single(({ groups, eps }: Norm, { x, w: weight, b: bias }) =>
    toNCHW(groupNorm(toNHWC(x), groups, { eps, weight, bias })),
  ),
  layer_norm: single(({ normalized_shape, eps }: Norm, { x, w: weight, b: bias }) =>
    layerNorm(x, normalized_shape.length, { eps, weight, bias }),
  ),
  cosine_similarity: single(({ axis, eps }: Norm, { a, b }) =>
    alongLine((s, t) => cosineSimilarity(s!, t!, axis, { eps }), a, b),
  ),
  normalize: single(({ p, axis, eps }: Norm, { x }) => alongLine((t) => unitLength(t, axis, { p, eps }), x)),
};
