// Optimizers: the parameter after all of the steps, whose gradients are g[0], g[1], ….
import { type Tensor, adamStep, add, concat, full, mul, pack, reshape, slice, sub } from "../../../engine/index.ts";
import { type Adapter, type Adapters, single } from "../adapter.ts";

interface Adam {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay: number;
}
interface Sgd {
  lr: number;
  momentum: number;
  dampening: number;
  weight_decay: number;
  nesterov: boolean;
}

const gradientOf = (g: Tensor, step: number, x: Tensor): Tensor => reshape(slice(g, [[step, step + 1]]), x.shape);

/** By the kernel that trains: on a flat arena whose length is a multiple of four. */
const adam: Adapter<Adam> = ({ lr, betas: [beta1, beta2], eps, weight_decay: decay }, { x, g }) => {
  const length = Math.ceil(x.size / 4) * 4;
  const flat = (t: Tensor): Tensor => pack([t], [0], length);
  let state: readonly Tensor[] = [flat(x), full([length], 0), full([length], 0)];
  for (let t = 1; t <= g.shape[0]; t++) {
    const control = concat(
      [1 - beta1 ** t, 1 - beta2 ** t, 1, 1].map((v) => full([1], v)),
      0,
    );
    state = adamStep(flat(gradientOf(g, t - 1, x)), full([1], lr), control, state, { beta1, beta2, eps, decay });
  }
  const [y, m, v] = state.map((s) => reshape(slice(s, [[0, x.size]]), x.shape));
  return { y, m, v };
};

const sgd = single(({ lr, momentum, dampening, weight_decay, nesterov }: Sgd, { x, g }) => {
  let y = x;
  let velocity: Tensor | undefined;
  for (let t = 0; t < g.shape[0]; t++) {
    let d = add(gradientOf(g, t, x), mul(weight_decay, y));
    if (momentum !== 0) {
      velocity = velocity ? add(mul(momentum, velocity), mul(1 - dampening, d)) : d;
      d = nesterov ? add(d, mul(momentum, velocity)) : velocity;
    }
    y = sub(y, mul(lr, d));
  }
  return y;
});

export const optimizer: Adapters = { adam_steps: adam, sgd_steps: sgd };
