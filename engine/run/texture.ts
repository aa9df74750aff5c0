// Pictures on the GPU as tensors, and tensors as pictures: textures of the caller, read into a buffer that a program
// takes, and written from one that it gives. Nothing is copied through the CPU.
import { packParams, specialize } from "../../kernels/kernel.ts";
import { type TextureProblem, readTexture, textureLayout, writeTexture } from "../../kernels/texture/texture.ts";
import { oneOf } from "../choice.ts";
import { DISPOSE } from "../dispose.ts";
import { ShapeError, UsageError } from "../errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type Shape, show } from "../shape.ts";
import type { Device } from "./device.ts";

export interface TextureOptions<F extends GPUTextureFormat = GPUTextureFormat> {
  /** Of the textures. */
  readonly format: F;
  /** A number of the tensor is scale · number of the texel + offset, or the other way round. Default 1 and 0. */
  readonly scale?: number;
  readonly offset?: number;
}

type Bound = Pick<GPUBindGroupLayoutEntry, "texture" | "storageTexture">;

/** A pipeline between textures of one size and format and one buffer. */
class TextureCopy {
  #disposed = false;
  private constructor(
    readonly gpu: Gpu,
    readonly name: string,
    readonly shape: Shape,
    readonly format: GPUTextureFormat,
    readonly buffer: GPUBuffer,
    readonly params: GPUBuffer,
    readonly pipeline: GPUComputePipeline,
    readonly workgroups: readonly [number, number, number],
  ) {}

  static async create(
    { gpu }: Device,
    kernel: typeof readTexture,
    aliases: Readonly<Record<string, string>>,
    shape: Shape,
    { format, scale = 1, offset = 0 }: TextureOptions,
  ): Promise<TextureCopy> {
    gpu.check();
    const problem = problemOf(kernel.name, shape, scale, offset);
    const code = specialize(kernel.source, { aliases });
    const entry = (binding: number, bound: Bound | { buffer: GPUBufferBindingLayout }): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      ...bound,
    });
    const pipeline = await gpu.pipeline(
      code,
      [
        entry(0, { buffer: { type: "uniform" } }),
        entry(1, { buffer: { type: kernel.bindings[1]!.access === "read" ? "read-only-storage" : "storage" } }),
        entry(2, textureLayout(code, kernel.textures[0]!.type)),
      ],
      kernel.name,
    );
    const made: GPUBuffer[] = [];
    const own = (bytes: number, usage: GPUBufferUsageFlags): GPUBuffer => {
      made.push(gpu.createBuffer(bytes, usage, kernel.name));
      return made.at(-1)!;
    };
    try {
      return await gpu.scoped(kernel.name, () => {
        const bytes = 4 * problem.W * problem.H * problem.C;
        const { STORAGE, COPY_SRC, COPY_DST, UNIFORM } = GPUBufferUsage;
        const buffer = own(bytes, STORAGE | COPY_SRC | COPY_DST);
        const params = own(32, UNIFORM | COPY_DST);
        gpu.device.queue.writeBuffer(params, 0, packParams(kernel, problem));
        const workgroups = kernel.workgroups!(problem, {});
        return new TextureCopy(gpu, kernel.name, shape, format, buffer, params, pipeline, workgroups);
      });
    } catch (error) {
      for (const buffer of made) gpu.destroy(buffer);
      throw error;
    }
  }

  encode(encoder: GPUCommandEncoder, texture: GPUTexture, usage: "TEXTURE_BINDING" | "STORAGE_BINDING"): void {
    const { gpu, name, pipeline, buffer, params, workgroups } = this;
    gpu.check();
    if (this.#disposed) throw new UsageError(`${name} was disposed`);
    this.#check(texture, usage);
    gpu.guarded(name, () => {
      const view = texture.createView({ dimension: "2d", mipLevelCount: 1, arrayLayerCount: 1 });
      const bindGroup = gpu.device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer: params } },
          { binding: 1, resource: { buffer } },
          { binding: 2, resource: view },
        ],
      });
      const pass = encoder.beginComputePass({ label: name });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
      pass.end();
    });
  }

  #check(texture: GPUTexture, usage: "TEXTURE_BINDING" | "STORAGE_BINDING"): void {
    const { width, height, format, dimension, sampleCount } = texture;
    const [, H, W] = this.shape;
    if (width !== W || height !== H)
      throw new ShapeError(this.name, `the texture is ${width} × ${height}, ${show(this.shape)} is ${W} × ${H}`);
    if (format !== this.format)
      throw new UsageError(`${this.name}: the texture is ${format}, this was made for ${this.format}`);
    if (dimension !== "2d" || sampleCount !== 1)
      throw new UsageError(`${this.name}: the texture must be 2d with one sample a texel`);
    if ((texture.usage & GPUTextureUsage[usage]) === 0)
      throw new UsageError(`${this.name}: the texture can't be bound; make it with GPUTextureUsage.${usage}`);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of [this.buffer, this.params]) this.gpu.destroy(buffer);
  }
}

function problemOf(name: string, shape: Shape, scale: number, offset: number): TextureProblem {
  const [N, H, W, C] = shape;
  if (shape.length !== 4 || N !== 1 || !H || !W || !C || C > 4)
    throw new ShapeError(name, `a texture is a tensor [1, H, W, C] with 1 to 4 channels, got ${show(shape)}`);
  return { W, H, C, scale, offset };
}

/**
 * Reads textures [W, H] into `buffer`, a tensor [1, H, W, C] of their first C channels, which a program takes as an
 * input. Normalised formats give 0 to 1, integer ones their integers, each times `scale` plus `offset`.
 */
export class TextureReader {
  private constructor(readonly copy: TextureCopy) {}

  /** For textures of one size and format. Throws ShapeError, LimitExceededError, OutOfMemoryError. */
  static async create(device: Device, shape: Shape, options: TextureOptions): Promise<TextureReader> {
    const Texel = /uint$/.test(options.format) ? "u32" : /sint$/.test(options.format) ? "i32" : "f32";
    return new TextureReader(await TextureCopy.create(device, readTexture, { Texel }, shape, options));
  }

  /** What was read last, f32 [1, H, W, C]. */
  get buffer(): GPUBuffer {
    return this.copy.buffer;
  }

  /**
   * Puts the reading of a texture (its first level and layer) into the caller's encoder. Throws UsageError, ShapeError.
   */
  encode(encoder: GPUCommandEncoder, texture: GPUTexture): void {
    this.copy.encode(encoder, texture, "TEXTURE_BINDING");
  }

  dispose(): void {
    this.copy.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}

/**
 * Writes `buffer`, a tensor [1, H, W, C] that a program's output was copied into, to textures [W, H]: one channel as
 * grey, alpha 1 unless it is the fourth, each number times `scale` plus `offset`, clamped to 0 and 1 by rgba8unorm.
 */
export class TextureWriter {
  private constructor(readonly copy: TextureCopy) {}

  /** For textures of one size and format. Throws ShapeError, LimitExceededError, OutOfMemoryError. */
  static async create(
    device: Device,
    shape: Shape,
    options: TextureOptions<"rgba8unorm" | "r32float">,
  ): Promise<TextureWriter> {
    const Picture = `texture_storage_2d<${oneOf("TextureWriter", "format", options.format, ["rgba8unorm", "r32float"])}, write>`;
    return new TextureWriter(await TextureCopy.create(device, writeTexture, { Picture }, shape, options));
  }

  /** What is written next, f32 [1, H, W, C]: the target of `encode`'s `into`. */
  get buffer(): GPUBuffer {
    return this.copy.buffer;
  }

  /**
   * Puts the writing of a texture (its first level and layer) into the caller's encoder. Throws UsageError, ShapeError.
   */
  encode(encoder: GPUCommandEncoder, texture: GPUTexture): void {
    this.copy.encode(encoder, texture, "STORAGE_BINDING");
  }

  dispose(): void {
    this.copy.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}

/**
 * A new texture rgba8unorm with the pixels of an image, a canvas or a video's frame, on the GPU before what is
 * submitted next; it is the caller's to destroy. In a page alone: Node has no such sources. Where a driver takes no
 * VideoFrame (software adapters), the next call of the device throws GpuValidationError: give createImageBitmap(frame).
 */
export function imageTexture(
  { gpu }: Device,
  source:
    | ImageBitmap
    | ImageData
    | HTMLImageElement
    | HTMLVideoElement
    | VideoFrame
    | HTMLCanvasElement
    | OffscreenCanvas,
): GPUTexture {
  gpu.check();
  const [width, height] = sizeOf(source);
  return gpu.guarded("imageTexture", () => {
    const { TEXTURE_BINDING, COPY_DST, RENDER_ATTACHMENT } = GPUTextureUsage;
    const usage = TEXTURE_BINDING | COPY_DST | RENDER_ATTACHMENT;
    const texture = gpu.device.createTexture({ size: [width, height], format: "rgba8unorm", usage });
    gpu.device.queue.copyExternalImageToTexture({ source }, { texture }, [width, height]);
    return texture;
  });
}

function sizeOf(source: Parameters<typeof imageTexture>[1]): [width: number, height: number] {
  if ("displayWidth" in source) return [source.displayWidth, source.displayHeight];
  if ("videoWidth" in source) return [source.videoWidth, source.videoHeight];
  if ("naturalWidth" in source) return [source.naturalWidth, source.naturalHeight];
  return [source.width, source.height];
}
