// Ops that move elements and compute none, as ONNX has them.
import type { Tensor } from "../../engine/index.ts";
import type { Exporter } from "./exporter.ts";
import { type OpNode, OnnxError, TO_NCHW, TO_NHWC, onnxAxis, onnxShape } from "./graph.ts";

/** An image's ONNX value turned to our order of axes, and back: for ops that see elements in order. */
const inOurOrder = (e: Exporter, t: Tensor): string =>
  t.rank === 4 ? e.node("Transpose", [e.value(t)], { perm: TO_NHWC }) : e.value(t);
const inOnnxOrder = (e: Exporter, name: string, rank: number): string =>
  rank === 4 ? e.node("Transpose", [name], { perm: TO_NCHW }) : name;

const identity = (perm: readonly number[]): boolean => perm.every((d, i) => d === i);

interface Slice {
  start: readonly number[];
  step: readonly number[];
  shape: readonly number[];
}

export function slice(e: Exporter, { inputs: [x], attrs }: OpNode): string {
  const { start, step, shape } = attrs as Slice;
  const axes = shape.map((_, d) => d).filter((d) => shape[d] !== x.shape[d] || step[d] !== 1);
  // Past the first element stands −(n + 1): a −1 would be the last.
  const ends = axes.map((d) => {
    const end = start[d]! + step[d]! * shape[d]!;
    return end < 0 ? -(x.shape[d]! + 1) : end;
  });
  return e.node("Slice", [
    e.value(x),
    e.integers(axes.map((d) => start[d]!)),
    e.integers(ends),
    e.integers(axes.map((d) => onnxAxis(d, x.rank))),
    e.integers(axes.map((d) => step[d]!)),
  ]);
}

/** Zeros around x, and between its elements where it steps. */
export function place(e: Exporter, { inputs: [x], outputs: [y], attrs }: OpNode): string {
  const { start, step } = attrs as Slice;
  if (step.some((n) => n !== 1))
    throw new OnnxError("elements placed apart have no form in ONNX here; export a network without them");
  const low = onnxShape(start);
  const high = onnxShape(y.shape.map((n, d) => n - start[d]! - x.shape[d]!));
  return e.node("Pad", [e.value(x), e.integers([...low, ...high])], { mode: "constant" });
}

export function reshape(e: Exporter, { inputs: [x], outputs: [y] }: OpNode): string {
  const kept = keptAxes(x.shape, y.shape);
  if (!kept) {
    // 0 takes the size over: the batch stays free.
    const sizes = y.shape.map((n, d) => (d === 0 && n === x.shape[0] && n > 0 ? 0 : n));
    return inOnnxOrder(e, e.node("Reshape", [inOurOrder(e, x), e.integers(sizes)]), y.rank);
  }
  // Only sizes of 1 come or go: the others keep their order among themselves, which in an image is another than in a
  // list.
  const stored = (rank: number, axes: readonly number[]): number[] =>
    axes
      .map((d, i) => ({ i, at: onnxAxis(d, rank) }))
      .sort((a, b) => a.at - b.at)
      .map(({ i }) => i);
  const without = (t: Tensor, axes: readonly number[]): number[] =>
    t.shape
      .map((_, d) => d)
      .filter((d) => !axes.includes(d))
      .map((d) => onnxAxis(d, t.rank))
      .sort((a, b) => a - b);
  const from = stored(
    x.rank,
    kept.map(([a]) => a),
  );
  const to = stored(
    y.rank,
    kept.map(([, b]) => b),
  );
  const perm = to.map((i) => from.indexOf(i));
  const dropped = without(
    x,
    kept.map(([a]) => a),
  );
  const added = without(
    y,
    kept.map(([, b]) => b),
  );
  let name = e.value(x);
  if (dropped.length) name = e.node("Squeeze", [name, e.integers(dropped)]);
  if (!identity(perm)) name = e.node("Transpose", [name], { perm });
  return added.length ? e.node("Unsqueeze", [name, e.integers(added)]) : name;
}

/**
 * Pairs of axes of a and b that a reshape between them only drops or adds sizes of 1 beside; undefined if it does
 * more.
 */
function keptAxes(a: readonly number[], b: readonly number[]): [number, number][] | undefined {
  const kept: [number, number][] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && a[i] === b[j]) kept.push([i++, j++]);
    else if (a[i] === 1) i++;
    else if (b[j] === 1) j++;
    else return undefined;
  }
  return kept;
}

export function transpose(e: Exporter, { inputs: [x], attrs }: OpNode): string {
  const { perm } = attrs as { perm: readonly number[] };
  const composed = perm.length === 4 ? TO_NCHW.map((d) => onnxAxis(perm[d]!, 4)) : perm;
  return identity(composed) ? e.value(x) : e.node("Transpose", [e.value(x)], { perm: composed });
}
