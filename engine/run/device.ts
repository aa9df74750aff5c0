// The engine's front: compiles functions of tensors into programs and keeps the variables they share.
import { UNIFORM_BYTES } from "../../kernels/launch.ts";
import { type TypedArray, bytesPerElement, decode, encode } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { Gpu, type GpuCounters, type GpuOptions, type GpuSource } from "../gpu/gpu.ts";
import { Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";
import {
  type CompileOptions,
  type Estimate,
  type InputSpec,
  type Inputs,
  type Outputs,
  compile,
} from "./compilation.ts";
import { Program, type Values } from "./program.ts";

export type { CompileOptions, Estimate, InputSpec } from "./compilation.ts";

export class Device implements Disposable {
  readonly #variables = new Map<Variable, GPUBuffer>();

  private constructor(readonly gpu: Gpu) {}

  /** Opens a device on `navigator.gpu` (in Node: what `cmedl/node` gives), an adapter, or your own GPUDevice. */
  static async open(source: GpuSource, options: GpuOptions = {}): Promise<Device> {
    return new Device(await Gpu.open(source, options));
  }

  /** Live counts of buffers, bytes, pipelines, bind groups and submits of this device. */
  get counters(): Readonly<GpuCounters> {
    return this.gpu.counters;
  }

  /**
   * Traces `f` once on symbolic inputs and makes a program of it: outputs by name, and effects on variables.
   * Throws what `f` throws, LimitExceededError, MemoryBudgetError, OutOfMemoryError, ShaderCompileError.
   */
  async compile<I extends string, O extends string>(
    f: (inputs: Inputs<I>) => Outputs<O>,
    inputs: Readonly<Record<I, InputSpec>> = {} as Record<I, InputSpec>,
    options: CompileOptions = {},
  ): Promise<Program<O>> {
    this.gpu.check();
    const compilation = compile(f, inputs, options, this.gpu.traits, this.gpu);
    return Program.create<O>({
      ...compilation,
      name: options.name ?? "program",
      gpu: this.gpu,
      variableBuffer: (variable) => this.#bufferOf(variable),
    });
  }

  /** What a program of `f` would take on this device: plans it, makes nothing. Throws as `compile` does. */
  estimate<I extends string>(
    f: (inputs: Inputs<I>) => Outputs<string>,
    inputs: Readonly<Record<I, InputSpec>> = {} as Record<I, InputSpec>,
    options: CompileOptions = {},
  ): Estimate {
    return compile(f, inputs, options, this.gpu.traits, this.gpu).estimate;
  }

  /** The value of a tensor, or of each of a record: one compile and one run. */
  async evaluate(t: Tensor): Promise<TypedArray>;
  async evaluate<O extends string>(ts: Outputs<O>): Promise<Values<O>>;
  async evaluate<O extends string>(t: Tensor | Outputs<O>): Promise<TypedArray | Values<O>> {
    if (t instanceof Tensor) return (await this.#evaluate({ value: t })).value;
    return this.#evaluate(t);
  }

  async #evaluate<O extends string>(wanted: Outputs<O>): Promise<Values<O>> {
    using program = await this.compile(() => wanted, {}, { name: "evaluate" });
    program.run();
    return await program.read();
  }

  /** The variable's current value on this device. */
  async read(variable: Variable): Promise<TypedArray> {
    const { buffer, offset } = this.#place(variable);
    const bytes = await this.gpu.readBuffer(buffer, offset, variable.size * bytesPerElement(variable.dtype));
    return decode(variable.dtype, bytes, variable.size);
  }

  /** Current values of many variables with one wait. */
  async readAll(variables: readonly Variable[]): Promise<TypedArray[]> {
    return Promise.all(variables.map((v) => this.read(v)));
  }

  /** Replaces the variable's value on this device. */
  write(variable: Variable, data: ArrayLike<number>): void {
    if (data.length !== variable.size)
      throw new ShapeError(
        "write",
        `${variable.name || "a variable"} holds ${variable.size} numbers, got ${data.length}`,
      );
    const { buffer, offset } = this.#place(variable);
    if (variable.size === 0) return;
    this.gpu.device.queue.writeBuffer(buffer, offset, encode(variable.dtype, data));
  }

  /** Frees all variables; programs of this device must not run afterwards. A device that was lent is not destroyed. */
  dispose(): void {
    for (const buffer of this.#variables.values()) this.gpu.destroyBuffer(buffer);
    this.#variables.clear();
    this.gpu.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #place(variable: Variable): { buffer: GPUBuffer; offset: number } {
    if (!variable.arena) return { buffer: this.#bufferOf(variable), offset: 0 };
    return {
      buffer: this.#bufferOf(variable.arena.variable),
      offset: variable.arena.offset * bytesPerElement(variable.dtype),
    };
  }

  #bufferOf(variable: Variable): GPUBuffer {
    const known = this.#variables.get(variable);
    if (known) return known;
    if (variable.arena) throw new UsageError(`internal: ${variable.name} lives in ${variable.arena.variable.name}`);
    const data = encode(variable.dtype, variable.initialData());
    // Any part of it may be bound as a uniform on a CPU adapter.
    const beyond = this.gpu.traits.cpu ? UNIFORM_BYTES : 0;
    const buffer = this.gpu.createBuffer(
      data.byteLength + beyond,
      GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      `variable ${variable.name}`,
    );
    if (data.byteLength > 0) this.gpu.device.queue.writeBuffer(buffer, 0, data);
    this.#variables.set(variable, buffer);
    variable.bound = true;
    return buffer;
  }
}
