// Which points of a space are near each other, and how near: the P of t-SNE, sparse and symmetric.
import {
  type Device,
  type KernelOp,
  type Tensor,
  Variable,
  add,
  apply,
  matmul,
  maximum,
  mul,
  sub,
} from "../../engine/index.ts";
import { tsneAffinities, tsneNearest, tsneNeighbourDistances } from "../../kernels/tsne/tsne.ts";
import type { Points } from "../points.ts";

/**
 * p_ij of n points, row i being columns and values from starts[i] to starts[i + 1]. p_ij = p_ji, and all are 1 in sum.
 */
export interface Affinities {
  readonly starts: Uint32Array<ArrayBuffer>;
  readonly columns: Uint32Array<ArrayBuffer>;
  readonly values: Float32Array<ArrayBuffer>;
}

/** (d2 [rows, n], first [1]) → the k nearest of each row, without its own point, as columns rising: u32 [rows, k]. */
export const nearestOp: KernelOp<{ readonly k: number }, readonly [d2: Tensor, first: Tensor]> = {
  kind: "kernel",
  name: "nearest",
  infer: ([d2], { k }) => [{ shape: [d2.shape[0]!, k], dtype: "u32" }],
  lower(l, { k }) {
    const [rows = 0, n = 0] = l.inputs[0].shape;
    l.dispatch(tsneNearest, { rows, n, k }, { d2: l.input(0), first: l.input(1), index: l.output(0) });
  },
};

/** (x [n, c], index [rows, k], first [1]) → squared distances of rows first … to those neighbours: [rows, k]. */
export const neighbourDistancesOp: KernelOp<object, readonly [x: Tensor, index: Tensor, first: Tensor]> = {
  kind: "kernel",
  name: "neighbour-distances",
  infer: ([, index]) => [{ shape: index.shape, dtype: "f32" }],
  lower(l) {
    const [, c = 0] = l.inputs[0].shape;
    const [rows = 0, k = 0] = l.inputs[1].shape;
    const buffers = { x: l.input(0), index: l.input(1), first: l.input(2), d2: l.output(0) };
    l.dispatch(tsneNeighbourDistances, { rows, k, c }, buffers);
  },
};

/** d2 [rows, k] → p_{j|i} of these neighbours at a perplexity of exp(entropy): [rows, k]. */
export const conditionalOp: KernelOp<{ readonly entropy: number }> = {
  kind: "kernel",
  name: "affinities",
  infer: ([{ shape }]) => [{ shape, dtype: "f32" }],
  lower(l, { entropy }) {
    const [rows = 0, k = 0] = l.inputs[0].shape;
    l.dispatch(tsneAffinities, { rows, k, entropy }, { d2: l.input(0), p: l.output(0) });
  },
};

/** Most distances that are in memory at once: 64 MiB. */
const WINDOW = 2 ** 24;

/** The nearest of each of n points, [n, k], and their p_{j|i}. */
export interface Neighbours {
  readonly index: Uint32Array<ArrayBuffer>;
  readonly p: Float32Array<ArrayBuffer>;
}

/**
 * The k nearest others of each point, and p_{j|i} ∝ exp(−β_i·|x_i − x_j|²) among them at the perplexity that is asked
 * for. All distances are looked at, some rows of them at a time; `onRows` hears of how many are done.
 */
export async function neighboursOf(
  device: Device,
  { count, channels, values }: Points,
  { k, perplexity, onRows }: { k: number; perplexity: number; onRows?: (done: number) => void },
): Promise<Neighbours> {
  const rows = Math.min(count, Math.max(1, Math.floor(WINDOW / count)));
  const x = new Variable([count, channels], values, { name: "points", trainable: false });
  const norms = new Variable([1, count], squaredNorms(values, channels), { name: "norms", trainable: false });
  using program = await device.compile(
    ({ some, lengths, first }) => {
      const products = matmul(some, x.value, { transposeB: true });
      const d2 = maximum(sub(add(lengths, norms.value), mul(2, products)), 0);
      const index = apply(nearestOp, [d2, first], { k });
      const near = apply(neighbourDistancesOp, [x.value, index, first], {});
      return { index, p: apply(conditionalOp, [near], { entropy: Math.log(perplexity) }) };
    },
    { some: [rows, channels], lengths: [rows, 1], first: { shape: [1], dtype: "u32" } },
    { name: "neighbours" },
  );
  const index = new Uint32Array(count * k);
  const p = new Float32Array(count * k);
  for (let done = 0; done < count; done += rows) {
    // The last window reaches back over rows that were done.
    const first = Math.min(done, count - rows);
    program.run({
      some: values.subarray(first * channels, (first + rows) * channels),
      lengths: squaredNorms(values.subarray(first * channels, (first + rows) * channels), channels),
      first: [first],
    });
    const found = await program.read();
    index.set(found.index as Uint32Array, first * k);
    p.set(found.p as Float32Array, first * k);
    onRows?.(Math.min(count, done + rows));
  }
  return { index, p };
}

function squaredNorms(values: Float32Array, channels: number): Float32Array {
  return Float32Array.from({ length: values.length / channels }, (_, i) => {
    let sum = 0;
    for (let c = i * channels; c < (i + 1) * channels; c++) sum += values[c]! ** 2;
    return sum;
  });
}

/** p_ij = (p_{j|i} + p_{i|j}) / 2n of each point's k neighbours, whose columns rise. */
export function symmetric({ index, p }: Neighbours, k: number): Affinities {
  const count = index.length / k;
  const back = transposed(index, p, k);
  const starts = new Uint32Array(count + 1);
  const columns = new Uint32Array(2 * index.length);
  const values = new Float32Array(2 * index.length);
  let end = 0;
  for (let i = 0; i < count; i++) {
    let a = i * k;
    let b = back.starts[i]!;
    while (a < (i + 1) * k || b < back.starts[i + 1]!) {
      const forward = a < (i + 1) * k ? index[a]! : count;
      const backward = b < back.starts[i + 1]! ? back.columns[b]! : count;
      const column = Math.min(forward, backward);
      const sum = (forward === column ? p[a++]! : 0) + (backward === column ? back.values[b++]! : 0);
      columns[end] = column;
      values[end++] = sum / (2 * count);
    }
    starts[i + 1] = end;
  }
  return { starts, columns: columns.slice(0, end), values: values.slice(0, end) };
}

/** Rows of who has point i among its neighbours, rising. */
function transposed(index: Uint32Array, p: Float32Array, k: number): Affinities {
  const count = index.length / k;
  const starts = new Uint32Array(count + 1);
  for (const j of index) starts[j + 1]!++;
  for (let i = 0; i < count; i++) starts[i + 1]! += starts[i]!;
  const next = starts.slice();
  const columns = new Uint32Array(index.length);
  const values = new Float32Array(index.length);
  index.forEach((j, at) => {
    const to = next[j]!++;
    columns[to] = Math.floor(at / k);
    values[to] = p[at]!;
  });
  return { starts, columns, values };
}
