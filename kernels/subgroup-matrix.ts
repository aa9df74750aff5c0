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

/**
 * Seams of the kernels: a block for each of as many subgroups as there may be, and no subgroup with more than its
 * share.
 */
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

type Tiled = KernelSpec & Required<Pick<KernelSpec, "consts" | "fits">>;

/**
 * The kernel of f16 factors and that of f32 factors, in order of preference, with the tiles of a kernel without
 * tensor cores, whose seams are set where `source` has them too. The first takes f16 tensors alone (Params.half):
 * what is stored in f32 is multiplied in f32. The second takes both.
 */
export function onTensorCores(
  name: string,
  { source, tunables, consts, fits, workgroups, cost }: Tiled,
): readonly [Kernel, Kernel] {
  const { constNames } = reflect(source);
  const ofTiles = (c: Consts): Consts =>
    Object.fromEntries(Object.entries(c).filter(([seam]) => constNames.includes(seam)));
  const of = (type: "f16" | "f32"): Omit<KernelSpec, "source"> => ({
    tunables,
    workgroups,
    cost,
    consts: (p, t) => ({ ...ofTiles(consts(p, t)), ...(t.matrix?.[type] && seams(t.matrix[type], t.matrix.lanes)) }),
    fits: (p, t) =>
      !t.cpu &&
      t.matrix?.[type] !== undefined &&
      WORKGROUP % t.matrix.lanes[1] === 0 &&
      (type === "f32" || p.half === 1) &&
      fits(p, t),
  });
  return [
    defineKernel(`${name}-f16`, {
      ...of("f16"),
      source: specialize(source, { aliases: { T: "f16" }, consts: { STEP: 32 } }),
    }),
    defineKernel(name, { ...of("f32"), source }),
  ];
}
