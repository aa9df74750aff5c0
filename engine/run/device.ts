// The engine's front: compiles functions of tensors into programs and keeps the variables they share.
import { DISPOSE } from "../dispose.ts";
import type { TypedArray } from "../dtype.ts";
import { Gpu, type GpuCounters, type GpuOptions } from "../gpu/gpu.ts";
import type { GpuSource } from "../gpu/source.ts";
import { UsageError } from "../errors.ts";
import { Pace, type Pacing, finish } from "../pace.ts";
import { Tensor, whatIs } from "../tensor.ts";
import { Variable } from "../variable.ts";
import {
  type CompileOptions,
  type Estimate,
  type InputSpec,
  type Inputs,
  type Outputs,
  compile,
} from "./compilation.ts";
import { Program, type Values } from "./program.ts";
import { VariableMemory } from "./variables.ts";

export type { CompileOptions, Estimate, InputSpec } from "./compilation.ts";

/**
 * A GPU device: compiles functions of tensors into programs, and holds the memory of the variables that they share.
 * Dispose of it when done; a GPUDevice that was lent to it stays open.
 */
export class Device implements Disposable {
  readonly #variables: VariableMemory;
  readonly #programs = new Set<Program>();

  private constructor(readonly gpu: Gpu) {
    this.#variables = new VariableMemory(gpu);
  }

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
   * Variables that this device does not hold yet come with the values that they have: where another device changed
   * them last, with those that it holds.
   * Throws what `f` throws, UsageError where `f` is no such function, LimitExceededError, MemoryBudgetError,
   * OutOfMemoryError, ShaderCompileError, ValuesLostError, and the reason of `signal` within 100 ms of its abort, but
   * for a step under way, such as the trace: nothing is left on the device then.
   */
  async compile<I extends string, O extends string>(
    f: (inputs: Inputs<I>) => Outputs<O>,
    inputs: Readonly<Record<I, InputSpec>> = {} as Record<I, InputSpec>,
    options: CompileOptions = {},
  ): Promise<Program<O>> {
    this.gpu.check();
    const pace = new Pace(options);
    const compilation = await pace.through(compile(f, inputs, options, this.gpu.traits, this.gpu));
    const parts = { ...compilation, name: options.name ?? "program", gpu: this.gpu, variables: this.#variables };
    const program: Program<O> = await Program.create<O>(
      { ...parts, onDispose: () => void this.#programs.delete(program) },
      pace,
    );
    this.#programs.add(program);
    return program;
  }

  /** What a program of `f` would take on this device: plans it, makes nothing. Throws as `compile` does. */
  estimate<I extends string>(
    f: (inputs: Inputs<I>) => Outputs<string>,
    inputs: Readonly<Record<I, InputSpec>> = {} as Record<I, InputSpec>,
    options: Omit<CompileOptions, keyof Pacing> = {},
  ): Estimate {
    return finish(compile(f, inputs, options, this.gpu.traits, this.gpu)).estimate;
  }

  /** The value of a tensor, or of each of a record: one compile and one run. */
  async evaluate(t: Tensor): Promise<TypedArray>;
  async evaluate<O extends string>(ts: Outputs<O>): Promise<Values<O>>;
  async evaluate<O extends string>(t: Tensor | Outputs<O>): Promise<TypedArray | Values<O>> {
    if (t instanceof Tensor) return (await this.#evaluate({ value: t })).value;
    if (typeof t !== "object" || t === null || t instanceof Variable)
      throw new UsageError(`evaluate takes a tensor, or tensors by name, got ${whatIs(t)}`);
    return this.#evaluate(t);
  }

  async #evaluate<O extends string>(wanted: Outputs<O>): Promise<Values<O>> {
    const program = await this.compile(() => wanted, {}, { name: "evaluate" });
    try {
      program.run();
      return await program.read();
    } finally {
      program.dispose();
    }
  }

  /** The variable's current value on this device. */
  async read(variable: Variable): Promise<TypedArray> {
    this.gpu.check();
    await this.#variables.bring([variable]);
    return this.#variables.valuesOf(variable);
  }

  /** Current values of many variables with one wait. */
  async readAll(variables: readonly Variable[]): Promise<TypedArray[]> {
    return Promise.all(variables.map((v) => this.read(v)));
  }

  /** Replaces the variable's value on this device. */
  write(variable: Variable, data: ArrayLike<number>): void {
    this.gpu.check();
    this.#variables.write(variable, data);
  }

  /**
   * Frees all variables and disposes the programs that are not yet. A device that was lent is not destroyed.
   */
  dispose(): void {
    for (const program of this.#programs) program.dispose();
    this.#variables.dispose();
    this.gpu.dispose();
  }
  [DISPOSE](): void {
    this.dispose();
  }
}
