// Which small products an adapter's tensor cores do (WebGPU's subgroup matrices, experimental in Dawn and Chrome).
import type { MatrixSize, Traits } from "../../kernels/kernel.ts";
import { MATRIX_FEATURE } from "../tensor-cores.ts";

/** One entry of GPUAdapterInfo.subgroupMatrixConfigs: M × K times K × N. */
export interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * The largest product with sums in f32 of those that a device reports, for factors in f16 and in f32; undefined
 * without any. Only sizes that cut the kernels' tiles: 8 or 16 each way.
 */
export function matrixOf(
  configs: Iterable<MatrixConfig>,
  lanes: readonly [min: number, max: number],
): Traits["matrix"] {
  const largest = (type: string): MatrixSize | undefined =>
    [...configs]
      .filter(
        (c) =>
          c.componentType === type &&
          c.resultComponentType === "f32" &&
          [c.M, c.N, c.K].every((n) => n === 8 || n === 16),
      )
      .map((c) => ({ m: c.M, n: c.N, k: c.K }))
      .sort((a, b) => b.m * b.n * b.k - a.m * a.n * a.k)[0];
  const f16 = largest("f16");
  const f32 = largest("f32");
  return f16 || f32 ? { f16, f32, lanes } : undefined;
}

/** The same of an adapter that has MATRIX_FEATURE, without f16 where that is not stored. */
export function adapterMatrix(info: GPUAdapterInfo, f16: boolean): Traits["matrix"] {
  const { subgroupMatrixConfigs = [] } = info as { subgroupMatrixConfigs?: Iterable<MatrixConfig> };
  const configs = [...subgroupMatrixConfigs].filter((c) => f16 || c.componentType !== "f16");
  return matrixOf(configs, [info.subgroupMinSize ?? 4, info.subgroupMaxSize ?? 128]);
}

/** What the kernels' text needs of the language, which changes while the feature is experimental. */
const probe = `
enable chromium_experimental_subgroup_matrix;
enable subgroups;
var<workgroup> x : array<f32, 64>;
@compute @workgroup_size(128)
fn main(@builtin(subgroup_id) subgroup : u32, @builtin(num_subgroups) subgroups : u32) {
  if (subgroup + 1u == subgroups) {
    let left = subgroupMatrixLoad<subgroup_matrix_left<f32, 8, 8>, col_major>(&x, 0u, 8u);
    let right = subgroupMatrixLoad<subgroup_matrix_right<f32, 8, 8>, row_major>(&x, 0u, 8u);
    var sum : subgroup_matrix_result<f32, 8, 8>;
    sum = subgroupMatrixMultiplyAccumulate(left, right, sum);
    subgroupMatrixStore<row_major>(&x, 0u, sum, 8u);
  }
}`;

/** The same of a device: undefined also where its compiler does not take the WGSL that the kernels are written in. */
export async function deviceMatrix(device: GPUDevice, info: GPUAdapterInfo | undefined): Promise<Traits["matrix"]> {
  const matrix =
    info && device.features.has(MATRIX_FEATURE) ? adapterMatrix(info, device.features.has("shader-f16")) : undefined;
  if (!matrix) return undefined;
  device.pushErrorScope("validation");
  device.createShaderModule({ code: probe, label: "tensor cores?" });
  return (await device.popErrorScope()) === null ? matrix : undefined;
}
