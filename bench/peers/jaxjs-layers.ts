// The layers and functions of the peers' cases in jax-js, NCHW and KCRS. Every use of an array takes a reference away,
// so what is used twice is used as `.ref` first.
import type { Array as JaxArray } from "@jax-js/jax";
import type { ConvLayer } from "../cases/layers.ts";
import { UNET, type UnetOps } from "./peer-cases.ts";

export type Jax = typeof import("@jax-js/jax");

export function norm(
  { numpy: np }: Jax,
  axes: number[],
  x: JaxArray,
  weight: JaxArray,
  bias: JaxArray,
  eps: number,
): JaxArray {
  const over = { keepdims: true };
  const channels = [1, -1, 1, 1];
  const centred = x.ref.sub(np.mean(x, axes, over));
  const variance = np.mean(centred.ref.mul(centred.ref), axes, over);
  return centred
    .div(np.sqrt(variance.add(eps)))
    .mul(weight.reshape(channels))
    .add(bias.reshape(channels));
}

function mirrored({ numpy: np }: Jax, x: JaxArray, pad: number): JaxArray {
  for (const axis of [2, 3]) {
    const n = x.shape[axis]!;
    const part = (from: number, to: number): JaxArray =>
      np.flip(axis === 2 ? x.ref.slice([], [], [from, to], []) : x.ref.slice([], [], [], [from, to]), axis);
    x = np.concatenate([part(1, pad + 1), x.ref, part(n - 1 - pad, n - 1)], axis);
  }
  return x;
}

export function convOf(
  jax: Jax,
  { op, stride, pad, dilation, padMode }: ConvLayer,
): (x: JaxArray, w: JaxArray) => JaxArray {
  const zeros = [
    [pad[0], pad[2]],
    [pad[1], pad[3]],
  ];
  if (op === "conv-transpose")
    return (x, w) => jax.lax.convTranspose(x, w, [...stride], zeros, { transposeKernel: true });
  if (padMode === "reflect")
    return (x, w) =>
      jax.lax.convGeneralDilated(
        mirrored(jax, x, pad[0]),
        w,
        [...stride],
        [
          [0, 0],
          [0, 0],
        ],
      );
  return (x, w) => jax.lax.convGeneralDilated(x, w, [...stride], zeros, { rhsDilation: [...dilation] });
}

export function contextual({ numpy: np }: Jax, x: JaxArray, y: JaxArray): JaxArray {
  const channels = x.shape[1]!;
  const along = { keepdims: true };
  const [a, b] = [x.reshape([channels, -1]), y.reshape([channels, -1])];
  const centre = np.mean(b.ref, 1, along);
  const unit = (p: JaxArray, c: JaxArray): JaxArray => {
    const q = p.sub(c);
    return q.ref.div(np.sqrt(np.sum(q.ref.mul(q), 0, along)));
  };
  const d = np
    .matmul(np.transpose(unit(a, centre.ref)), unit(b, centre))
    .neg()
    .add(1);
  const nearest = np.min(d.ref, 1, along).add(1e-5);
  const w = np.exp(d.div(nearest).neg().add(1).mul(2));
  const cx = w.ref.div(np.sum(w, 1, along));
  return np.log(np.mean(np.max(cx, 0)).add(1e-5)).neg();
}

export const unetOps = (jax: Jax): UnetOps<JaxArray> => {
  const { numpy: np, lax, nn } = jax;
  return {
    conv: (x, w) => {
      const p = (w.shape[2]! - 1) / 2;
      return lax.convGeneralDilated(
        x,
        w,
        [1, 1],
        [
          [p, p],
          [p, p],
        ],
      );
    },
    addBias: (x, b) => x.add(b.reshape([1, -1, 1, 1])),
    normRelu: (x, g, b) => nn.relu(norm(jax, [0, 2, 3], x, g, b, UNET.eps)),
    pool: (x) => maxPool(jax, x),
    up: (x) => np.repeat(np.repeat(x, 2, 2), 2, 3),
    join: (a, b) => np.concatenate([a, b], 1),
    use: (x) => x.ref,
  };
};

export function maxPool({ numpy: np }: Jax, x: JaxArray): JaxArray {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
}
