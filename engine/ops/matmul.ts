// Matrix products. The op takes batches of matrices, each side as stored or with its last two dimensions exchanged,
// so that gradients need no transposed copies.
import {
  type MatmulProblem,
  inUnitsOf,
  matmulKernels,
  matmulProblem,
  matmulWindows,
} from "../../kernels/matmul/matmul.ts";
import { type DType, isFloat } from "../dtype.ts";
import { ShapeError } from "../errors.ts";
import type { KernelOp, Lowering, MemoryHandle } from "../op.ts";
import { type Shape, broadcastShapes, ofRank, sameShape, show, sizeOf } from "../shape.ts";
import { type Tensor, apply } from "../tensor.ts";
import { operands } from "../autocast.ts";
import { expand } from "./broadcast.ts";
import { addBias } from "./elementwise.ts";
import { reshape } from "./movement.ts";

export interface MatmulAttrs {
  /** a is stored [batch, K, M]. */
  readonly transposeA: boolean;
  /** b is stored [batch, N, K]. */
  readonly transposeB: boolean;
}

/** The last two of a tensor's sizes, exchanged or not. */
function matrixOf(shape: Shape, exchanged: boolean): readonly [rows: number, columns: number] {
  const [rows, columns] = ofRank(shape.slice(-2), 2);
  return exchanged ? [columns, rows] : [rows, columns];
}

function sizesOf(a: Shape, b: Shape, { transposeA, transposeB }: MatmulAttrs) {
  const [batchA] = ofRank(a, 3);
  const [batchB] = ofRank(b, 3);
  const [m, k] = matrixOf(a, transposeA);
  const [, n] = matrixOf(b, transposeB);
  return { batch: Math.max(batchA, batchB) * Math.min(batchA, batchB, 1), batchA, batchB, m, k, n };
}

export type Two = readonly [a: Tensor, b: Tensor];

/** a [batch or 1, M, K], b [batch or 1, K, N] → y [batch, M, N]. */
export const matmulOp: KernelOp<MatmulAttrs> = {
  kind: "kernel",
  name: "matmul",
  infer: ([a, b]: Two, attrs) => {
    const { batch, m, n } = sizesOf(a.shape, b.shape, attrs);
    return [{ shape: [batch, m, n], dtype: a.dtype }];
  },
  lower(l, attrs) {
    const [a, b] = [l.inputs[0]!, l.inputs[1]!];
    const { batch, batchA, batchB, m, k, n } = sizesOf(a.shape, b.shape, attrs);
    if (batch * m * n === 0) return;
    const p = matmulProblem({
      batch,
      m,
      n,
      k,
      ...attrs,
      oneA: batchA <= 1,
      oneB: batchB <= 1,
      half: a.dtype === "f16",
    });
    matrixProduct(l, p, { a: l.input(0), b: l.input(1) }, a.dtype);
  },
};

/**
 * Dispatches output 0 = a·b, window by window where the matrices, of elements of `dtype`, are larger than a binding.
 */
export function matrixProduct(
  l: Lowering,
  p: MatmulProblem,
  { a, b }: Readonly<Record<"a" | "b", MemoryHandle>>,
  dtype: DType,
): void {
  const kernel = l.select(matmulKernels, p);
  for (const window of matmulWindows(p, l.room(dtype))) {
    const buffers = { a: l.part(a, window.a), b: l.part(b, window.b), y: l.part(l.output(0), window.y) };
    l.dispatch(kernel, inUnitsOf(kernel, window.p), buffers);
  }
}

export interface MatmulOptions {
  /** Reads a as if its last two dimensions were exchanged. */
  transposeA?: boolean;
  /** Reads b as if its last two dimensions were exchanged. */
  transposeB?: boolean;
}

/**
 * y[…,m,n] = Σ_k a[…,m,k] · b[…,k,n]: a […, M, K], b […, K, N] → […, M, N]. Leading dimensions broadcast as in numpy.
 * A vector a stands for one row, a vector b for one column, and that dimension is dropped from y: two vectors give a
 * scalar. Throws ShapeError.
 */
export function matmul(
  left: Tensor,
  right: Tensor,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  const [a, b] = operands(left, right);
  for (const [name, t] of [
    ["a", a],
    ["b", b],
  ] as const) {
    if (t.rank === 0) throw new ShapeError("matmul", `${name} is a scalar; use mul() to scale a tensor`);
    if (!isFloat(t.dtype)) throw new ShapeError("matmul", `${name} is ${t.dtype}${show(t.shape)}; cast it to f32`);
  }
  const attrs = { transposeA: transposeA && a.rank > 1, transposeB: transposeB && b.rank > 1 };
  const x = a.rank > 1 ? a : reshape(a, [1, a.size]);
  const z = b.rank > 1 ? b : reshape(b, [b.size, 1]);
  const [m, k] = matrixOf(x.shape, attrs.transposeA);
  const [inner, n] = matrixOf(z.shape, attrs.transposeB);
  if (k !== inner) {
    const shown = (name: string, t: Tensor, exchanged: boolean): string =>
      `${name} ${show(t.shape)}${exchanged ? " (transposed)" : ""}`;
    const alongA = attrs.transposeA ? "rows" : "columns";
    const alongB = attrs.transposeB ? "columns" : "rows";
    throw new ShapeError(
      "matmul",
      `${shown("a", a, attrs.transposeA)} has K = ${k} along its ${alongA}, ` +
        `${shown("b", b, attrs.transposeB)} has K = ${inner} along its ${alongB}; they must be equal`,
    );
  }
  const batchA = x.shape.slice(0, -2);
  const batchB = z.shape.slice(0, -2);
  const batch = broadcastShapes("matmul", batchA, batchB);
  const flat = (t: Tensor, lead: Shape): Tensor =>
    reshape(expand(t, [...lead, ...t.shape.slice(-2)]), [sizeOf(lead), ...t.shape.slice(-2)]);
  const shared = (lead: Shape): boolean => sizeOf(lead) === 1;
  let y: Tensor;
  if (shared(batchB) && !attrs.transposeA) {
    // One b for all: the batch is more rows of a.
    y = apply(matmulOp, [reshape(x, [1, sizeOf(batchA) * m, k]), reshape(z, [1, ...z.shape.slice(-2)])], attrs);
  } else {
    const side = (t: Tensor, lead: Shape): Tensor =>
      shared(lead) ? reshape(t, [1, ...t.shape.slice(-2)]) : flat(t, sameShape(lead, batch) ? lead : batch);
    y = apply(matmulOp, [side(x, batchA), side(z, batchB)], attrs);
  }
  return reshape(y, [...batch, ...(a.rank > 1 ? [m] : []), ...(b.rank > 1 ? [n] : [])]);
}

/** x·w + bias: x […, I], w [I, O], bias [O] → […, O]. Throws ShapeError. */
export function linear(x: Tensor, w: Tensor, bias?: Tensor): Tensor {
  if (w.rank !== 2) throw new ShapeError("linear", `w is ${show(w.shape)}; it must be [I, O]`);
  if (x.rank === 0 || x.shape[x.rank - 1] !== w.shape[0])
    throw new ShapeError(
      "linear",
      `x ${show(x.shape)} must end in I = ${w.shape[0]} features, for w is ${show(w.shape)} (I, O)`,
    );
  if (bias && (bias.rank !== 1 || bias.shape[0] !== w.shape[1]))
    throw new ShapeError("linear", `bias is ${show(bias.shape)}; with O = ${w.shape[1]} it must be [${w.shape[1]}]`);
  const y = matmul(x, w);
  return bias ? addBias(y, bias) : y;
}
