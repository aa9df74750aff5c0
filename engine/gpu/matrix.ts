// Which small products an adapter's tensor cores do (WebGPU's subgroup matrices, experimental in Dawn and Chrome).
import type { MatrixSize, Traits } from "../../kernels/kernel.ts";

/** The WebGPU feature that the kernels' `enable chromium_experimental_subgroup_matrix` asks for. */
export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** One entry of GPUAdapterInfo.subgroupMatrixConfigs: M × K times K × N. */
export interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * The largest product with sums in f32 of those that a device reports, for factors in f16 and in f32; undefined without any.
 * Only sizes that cut the kernels' tiles: 8 or 16 each way.
 */
export function matrixOf(configs: Iterable<MatrixConfig>, lanes: readonly [min: number, max: number]): Traits["matrix"] {
  const largest = (type: string): MatrixSize | undefined => [...configs]
    .filter((c) => c.componentType === type && c.resultComponentType === "f32" && [c.M, c.N, c.K].every((n) => n === 8 || n === 16))
    .map((c) => ({ m: c.M, n: c.N, k: c.K }))
    .sort((a, b) => b.m * b.n * b.k - a.m * a.n * a.k)[0];
  const f16 = largest("f16"), f32 = largest("f32");
  return f16 || f32 ? { f16, f32, lanes } : undefined;
}

/** The same of an adapter that has MATRIX_FEATURE, without f16 where that is not stored. */
export function adapterMatrix(info: GPUAdapterInfo, f16: boolean): Traits["matrix"] {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  const configs = [...subgroupMatrixConfigs].filter((c) => f16 || c.componentType !== "f16");
  return matrixOf(configs, [info.subgroupMinSize ?? 4, info.subgroupMaxSize ?? 128]);
}
