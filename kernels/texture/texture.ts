// Textures as tensors and back: a texel an invocation.
import { type Kernel, defineKernel, resolved } from "../kernel.ts";
import { ceilDiv } from "../launch.ts";
import read from "./read-texture.wgsl";
import write from "./write-texture.wgsl";

/** A picture of W × H texels, C of whose channels are a tensor's. */
export type TextureProblem = {
  readonly W: number;
  readonly H: number;
  readonly C: number;
  readonly scale: number;
  readonly offset: number;
};

const workgroups = ({ W, H }: TextureProblem): [number, number, number] => [ceilDiv(W, 8), ceilDiv(H, 8), 1];
const cost = ({ W, H, C }: TextureProblem) => ({ flops: 2 * W * H * C, bytes: 8 * W * H * C });

export const readTexture: Kernel<TextureProblem> = defineKernel("read-texture", { source: read, workgroups, cost });
export const writeTexture: Kernel<TextureProblem> = defineKernel("write-texture", { source: write, workgroups, cost });

/** What a layout says of the texture that a kernel's text binds. */
export function textureLayout(code: string, type: string): Pick<GPUBindGroupLayoutEntry, "texture" | "storageTexture"> {
  const whole = resolved(code, type);
  const format = /^texture_storage_2d<(\w+),\s*write>$/.exec(whole)?.[1];
  if (format) return { storageTexture: { access: "write-only", format: format as GPUTextureFormat } };
  const texel = /^texture_2d<(\w+)>$/.exec(whole)?.[1] ?? "";
  const sampleType = { f32: "unfilterable-float", u32: "uint", i32: "sint" }[resolved(code, texel)];
  if (!sampleType) throw new Error(`${type} is no texture that can be bound`);
  return { texture: { sampleType: sampleType as GPUTextureSampleType } };
}
