// Kernels over the channels of NHWC come in two widths from one WGSL file: F = f32, and F = vec4<f32> where C % 4 == 0.
import { type Kernel, type KernelSpec, defineKernel, specialize } from "./kernel.ts";

const vec4 = { F: "vec4<f32>", I: "vec4<i32>", U: "vec4<u32>", B: "vec4<bool>", Elem: "vec4<f32>" };

/** The vec4 kernel and the scalar one, in order of preference. In both, `threads` counts one channel a thread. */
export function lanes<P extends { readonly c: number }>(
  name: string,
  spec: KernelSpec<P> & Required<Pick<KernelSpec<P>, "threads">>,
): readonly [vec4: Kernel<P>, scalar: Kernel<P>] {
  return [
    defineKernel<P>(`${name}-vec4`, {
      ...spec,
      source: specialize(spec.source, { aliases: vec4, consts: { LANES: 4 } }),
      fits: (p, traits) => p.c % 4 === 0 && (spec.fits?.(p, traits) ?? true),
      threads: (p, c) => spec.threads(p, c) / 4,
    }),
    defineKernel<P>(name, spec),
  ];
}
