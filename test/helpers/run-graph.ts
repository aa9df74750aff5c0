// Evaluates a small graph without the compiler: kernel ops by runOp, views and joins on the host, given tensors from
// `feeds`.
import { constantOp } from "../../engine/constant.ts";
import type { Attrs, ConcatOp, KernelOp, MovementOp, OpInputs, View } from "../../engine/op.ts";
import { stridesOf } from "../../engine/shape.ts";
import type { Node, Tensor } from "../../engine/tensor.ts";
import { runOp } from "./run-op.ts";

export type Feeds = ReadonlyMap<Tensor, ArrayLike<number>>;

/** Every index of a view of `shape`, in row-major order. */
function indices({ offset, strides }: View, shape: readonly number[]): number[] {
  return shape.reduce<number[]>(
    (at, n, d) => at.flatMap((i) => Array.from({ length: n }, (_, k) => i + k * strides[d])),
    [offset],
  );
}

/** The values of `t`, row-major. */
export async function runGraph(t: Tensor, feeds: Feeds): Promise<ArrayLike<number>> {
  const known = new Map<Node, ArrayLike<number>[]>();
  const value = async (x: Tensor): Promise<ArrayLike<number>> => {
    const fed = feeds.get(x);
    if (fed) return fed;
    if (!known.has(x.node)) known.set(x.node, await run(x.node));
    return known.get(x.node)![x.index];
  };
  const run = async ({ op, inputs, outputs, attrs }: Node): Promise<ArrayLike<number>[]> => {
    const xs: ArrayLike<number>[] = [];
    for (const x of inputs) xs.push(await value(x));
    const [y] = outputs;
    switch (op.kind) {
      case "kernel":
        return runOp(
          op as KernelOp,
          attrs,
          inputs.map((x, i) => ({ shape: x.shape, dtype: x.dtype, data: xs[i] })),
        );
      case "movement": {
        const { view } = op as MovementOp;
        if (!view) return [xs[0]];
        return [
          indices(
            view({ offset: 0, strides: stridesOf(inputs[0].shape) }, inputs[0].shape, y.shape, attrs),
            y.shape,
          ).map((i) => xs[0][i]),
        ];
      }
      case "concat": {
        const joined = new Array<number>(y.size).fill(0);
        (op as ConcatOp<Attrs, OpInputs>)
          .views(inputs, attrs)
          .forEach((view, k) => indices(view, inputs[k].shape).forEach((at, i) => (joined[at] = xs[k][i])));
        return [joined];
      }
      case "pass":
        return [xs[0]];
      default:
        if (op === constantOp) return [new Array<number>(y.size).fill((attrs as { value: number }).value)];
        throw new Error(`runGraph: ${y} is given no value and is neither a kernel nor a view`);
    }
  };
  return value(t);
}
