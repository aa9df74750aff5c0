// What the kernels on tensor cores (WGSL's subgroup matrices) share: when they are taken, and how the blocks of a
// workgroup's tile go round its subgroups.
import {
  type Consts,
  type Kernel,
  type KernelSpec,
  type MatrixSize,
  defineKernel,
  reflect,
  specialize,
} from "./kernel.ts";

const WORKGROUP = 128;

/** Seams of the kernels: a block for each of the most subgroups there may be, and the most blocks that one gets. */
function seams({ m, n, k }: MatrixSize, [min, max]: readonly [number, number]): Consts {
  const blocks = Math.min(8, WORKGROUP / min);
  const down = blocks > 4 ? 4 : blocks > 1 ? 2 : 1;
  return {
    MATRIX_M: m,
    MATRIX_N: n,
    MATRIX_K: k,
    BLOCKS_M: down,
    BLOCKS_N: blocks / down,
    SHARE: Math.ceil(blocks / (WORKGROUP / max)),
  };
}

/** A kernel of tiles in workgroup memory; `half`: both factors are stored as f16. */
type Tiled<P, D> = KernelSpec<P, D> & Required<Pick<KernelSpec<P, D>, "consts" | "fits">>;

/** The text of the kernel for f16 factors, of that for f32 factors. */
export const withHalfFactors = (source: string): string =>
  specialize(source, { aliases: { T: "f16" }, consts: { STEP: 32 } });

/**
 * The kernel of f16 factors and that of f32 factors, in order of preference, with the tiles of a kernel without
 * tensor cores, whose seams are set where `source` has them too. The first takes f16 tensors alone: what is stored in
 * f32 is multiplied in f32. The second takes both.
 */
export function onTensorCores<P extends { readonly half: boolean }, D extends P = P>(
  name: string,
  { source, tunables, consts, fits, workgroups, cost }: Tiled<P, D>,
): readonly [f16: Kernel<P, D>, f32: Kernel<P, D>] {
  const { constNames } = reflect(source);
  const seamsOfTiles = (c: Consts): Consts =>
    Object.fromEntries(Object.entries(c).filter(([seam]) => constNames.includes(seam)));
  const specOf = (type: "f16" | "f32"): Omit<KernelSpec<P, D>, "source"> => ({
    tunables,
    workgroups,
    cost,
    consts(p, t) {
      const size = t.matrix?.[type];
      return { ...seamsOfTiles(consts(p, t)), ...(t.matrix && size && seams(size, t.matrix.lanes)) };
    },
    fits: (p, t) =>
      !t.cpu &&
      t.matrix?.[type] !== undefined &&
      WORKGROUP % t.matrix.lanes[1] === 0 &&
      (type === "f32" || p.half) &&
      fits(p, t),
  });
  return [
    defineKernel<P, D>(`${name}-f16`, {
      ...specOf("f16"),
      source: withHalfFactors(source),
    }),
    defineKernel<P, D>(name, { ...specOf("f32"), source }),
  ];
}
