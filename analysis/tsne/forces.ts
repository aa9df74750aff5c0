// What moves the points of a t-SNE map: neighbours pull, and all push. Repulsion is exact over all pairs, or goes by a
// grid and Fourier transforms (Linderman et al. 2019, "Fast interpolation-based t-SNE").
import { type KernelOp, type Lowering, type MemoryHandle, type Tensor, apply } from "../../engine/index.ts";
import { scatterClear } from "../../kernels/gather/scatter-last.ts";
import {
  tsneAttraction,
  tsneFft,
  tsneFftCells,
  tsneFftProduct,
  tsneGather,
  tsneGreen,
  tsneRepulsionTiled,
  tsneSpread,
} from "../../kernels/tsne/tsne.ts";

type AttractionInputs = readonly [y: Tensor, starts: Tensor, columns: Tensor, p: Tensor];

const attractionOp: KernelOp<{ readonly loss: boolean }, AttractionInputs> = {
  kind: "kernel",
  name: "tsne-attraction",
  infer: ([y]) => [{ shape: [y.shape[0]!, 4], dtype: "f32" }],
  lower(l, { loss }) {
    const [n = 0] = l.inputs[0].shape;
    const [pairs = 0] = l.inputs[2].shape;
    const buffers = { y: l.input(0), starts: l.input(1), columns: l.input(2), p: l.input(3), f: l.output(0) };
    l.dispatch(tsneAttraction, { n, pairs, loss: loss ? 1 : 0 }, buffers);
  },
};

/**
 * y [n, 2] and affinities as rows of starts [n + 1], columns and p → [n, 4]: Σ_j p_ij·w_ij·(y_i − y_j), then
 * Σ_j p_ij·ln(1 + |y_i − y_j|²) where `loss` is asked for, and 0.
 */
export const attraction = (inputs: AttractionInputs, loss = false): Tensor => apply(attractionOp, inputs, { loss });

const repulsionOp: KernelOp = {
  kind: "kernel",
  name: "tsne-repulsion",
  infer: ([y]) => [{ shape: [y.shape[0]!, 4], dtype: "f32" }],
  lower(l) {
    l.dispatch(tsneRepulsionTiled, { n: l.inputs[0].shape[0]! }, { y: l.input(0), f: l.output(0) });
  },
};

/** y [n, 2] → [n, 4]: Σ_j w_ij²·(y_i − y_j), Σ_{j ≠ i} w_ij and 0, with w = 1/(1 + |y_i − y_j|²), over all pairs. */
export const repulsion = (y: Tensor): Tensor => apply(repulsionOp, [y], {});

/** Transforms along x, then along y: `rows` rows of `live` numbers each, of which `keep` by `keep` are kept. */
interface Square {
  readonly side: number;
  readonly inverse: boolean;
  readonly batch: number;
  readonly rows: number;
  readonly keep: number;
}

/** First pass: x [batch or 1, rows, live] → [batch, keep, rows]. */
type FirstPass = (params: Record<string, number>, y: MemoryHandle) => void;

function transform(
  l: Lowering,
  { side, inverse, batch, rows, keep }: Square,
  twiddles: MemoryHandle,
  first: FirstPass,
  y: MemoryHandle,
): void {
  const shared = { side, inverse: inverse ? 1 : 0, batch, keep, scale: 1 };
  const between = l.scratch(8 * batch * keep * rows);
  first({ ...shared, rows, live: rows, apart: rows * rows }, between);
  const second = { ...shared, rows: keep, live: rows, apart: keep * rows };
  l.dispatch(tsneFft, second, { x: between, twiddles, y });
}

/** Contributions are whole multiples of this part of 1: as fine as their sum over n points leaves room for. */
const scaleOf = (n: number): number => 2 ** Math.floor(30 - Math.log2(Math.max(1, n)));

type GridInputs = readonly [y: Tensor, box: Tensor, spectrum: Tensor, twiddles: Tensor];

const gridRepulsionOp: KernelOp<object, GridInputs> = {
  kind: "kernel",
  name: "tsne-repulsion-grid",
  infer: ([y]) => [{ shape: [y.shape[0]!, 4], dtype: "f32" }],
  lower(l) {
    const [n = 0] = l.inputs[0].shape;
    const [, side = 0] = l.inputs[2].shape;
    const nodes = side / 2;
    const [y, box, spectrum, twiddles] = [l.input(0), l.input(1), l.input(2), l.input(3)];
    const scale = scaleOf(n);
    const cells = l.scratch(4 * nodes * nodes);
    l.dispatch(scatterClear, { count: nodes * nodes }, { cells });
    l.dispatch(tsneSpread, { n, side: nodes, scale }, { y, box, cells });
    const charges = l.scratch(8 * side * side);
    const forward = { side, inverse: false, batch: 1, rows: nodes, keep: side };
    transform(
      l,
      forward,
      twiddles,
      (p, out) => l.dispatch(tsneFftCells, { ...p, scale }, { x: cells, twiddles, y: out }),
      charges,
    );
    const fields = l.scratch(16 * nodes * nodes);
    const backward = { side, inverse: true, batch: 2, rows: side, keep: nodes };
    const product: FirstPass = (p, out) =>
      l.dispatch(tsneFftProduct, { ...p, apart: 0 }, { x: charges, twiddles, spectrum, y: out });
    transform(l, backward, twiddles, product, fields);
    l.dispatch(tsneGather, { n, side: nodes }, { y, box, fields, f: l.output(0) });
  },
};

/**
 * As `repulsion`, by a grid of side/2 × side/2 nodes: box [4] holds x and y of node (0, 0), nodes a unit and 0; all
 * points lie between nodes 1 and side/2 − 2. `spectrum` is what `gridSpectrum` gives for the nodes' spacing.
 */
export const gridRepulsion = (inputs: GridInputs): Tensor => apply(gridRepulsionOp, inputs, {});

const gridSpectrumOp: KernelOp<{ readonly side: number }, readonly [spacing: Tensor, twiddles: Tensor]> = {
  kind: "kernel",
  name: "tsne-grid-spectrum",
  infer: (_, { side }) => [{ shape: [2, side, side, 2], dtype: "f32" }],
  lower(l, { side }) {
    const [spacing, twiddles] = [l.input(0), l.input(1)];
    const g = l.scratch(16 * side * side);
    l.dispatch(tsneGreen, { side }, { spacing, g });
    const square = { side, inverse: false, batch: 2, rows: side, keep: side };
    transform(l, square, twiddles, (p, out) => l.dispatch(tsneFft, p, { x: g, twiddles, y: out }), l.output(0));
  },
};

/** spacing [1] of nodes, twiddles [side/2, 2] → the transform of what one point does to others: [2, side, side, 2]. */
export const gridSpectrum = (spacing: Tensor, twiddles: Tensor, side: number): Tensor =>
  apply(gridSpectrumOp, [spacing, twiddles], { side });

/** exp(−2πi·k/side) for k below side/2, as pairs of numbers. */
export function twiddlesOf(side: number): Float32Array {
  return Float32Array.from({ length: side }, (_, i) => {
    const angle = (-2 * Math.PI * (i >> 1)) / side;
    return i % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
  });
}
