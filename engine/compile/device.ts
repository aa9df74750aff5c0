// The engine's front: compiles functions of tensors into programs and keeps the variables they share.
import { input } from "../constant.ts";
import { type DType, type TypedArray, bytesPerElement, decode, encode } from "../dtype.ts";
import { ShapeError, UsageError } from "../errors.ts";
import { Gpu, type GpuCounters, type GpuOptions, type GpuSource } from "../gpu/gpu.ts";
import { copy } from "../ops/elementwise.ts";
import { settleAverages } from "../running-average.ts";
import type { Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { type Mode, Trace, withTrace } from "../trace.ts";
import type { Variable } from "../variable.ts";
import { aliasOf } from "./access.ts";
import { fuse } from "./fuse.ts";
import { Lowerer } from "./lower.ts";
import { type Assignment, plan } from "./plan.ts";
import { Program, type Values } from "./program.ts";
import { simplify } from "./simplify.ts";

/** Shape of a program's input (f32), or shape and dtype. */
export type InputSpec = Shape | { readonly shape: Shape; readonly dtype: DType };

export interface CompileOptions {
  /** "train": batch norm uses the batch and dropout is on; "infer" (default) otherwise. */
  mode?: Mode;
  /** For messages and labels. */
  name?: string;
}

type Inputs<I extends string> = { readonly [K in I]: Tensor };
type Outputs<O extends string> = { readonly [K in O]: Tensor };

export class Device implements Disposable {
  readonly #variables = new Map<Variable, GPUBuffer>();

  private constructor(readonly gpu: Gpu) {}

  /** Opens a device on `navigator.gpu` (in Node: what `cmedl/node` gives), an adapter, or your own GPUDevice. */
  static async open(source: GpuSource, options: GpuOptions = {}): Promise<Device> {
    return new Device(await Gpu.open(source, options));
  }

  /** Live counts of buffers, bytes, pipelines, bind groups and submits of this device. */
  get counters(): Readonly<GpuCounters> { return this.gpu.counters; }

  /**
   * Traces `f` once on symbolic inputs and makes a program of it: outputs by name, and effects on variables.
   * Throws what `f` throws, LimitExceededError, OutOfMemoryError, ShaderCompileError.
   */
  async compile<I extends string, O extends string>(f: (inputs: Inputs<I>) => Outputs<O>, inputs: Readonly<Record<I, InputSpec>> = {} as Record<I, InputSpec>, { mode = "infer", name = "program" }: CompileOptions = {}): Promise<Program<O>> {
    this.gpu.check();
    const trace = new Trace(mode);
    const symbols = new Map<string, Tensor>();
    for (const [key, spec] of Object.entries(inputs) as [string, InputSpec][]) {
      const { shape, dtype } = "shape" in spec ? spec : { shape: spec, dtype: "f32" as const };
      symbols.set(key, input(key, shape, dtype));
    }
    const outputs = withTrace(trace, () => {
      const found = f(Object.fromEntries(symbols) as Inputs<I>);
      settleAverages(trace);
      return found;
    });
    const assigned = [...trace.assigned].map((variable): Assignment => {
      const value = trace.values.get(variable)!;
      // One variable's old value may be another's new one: it is set aside before anything is overwritten.
      return { variable, value: aliasOf(value).base.node.op.kind === "source" ? copy(value) : value };
    });
    const names = Object.keys(outputs) as O[];
    const graph = simplify([...names.map((n) => outputs[n]), ...assigned.map((a) => a.value)]);
    const outputTensors = graph.roots.slice(0, names.length);
    const assignments = assigned.map(({ variable }, i) => ({ variable, value: graph.roots[names.length + i] }));
    const lowerer = new Lowerer(this.gpu.traits, this.gpu);
    const fusion = fuse(graph, this.gpu, lowerer);
    lowerer.adopt(fusion);
    return Program.create<O>({
      name, gpu: this.gpu, lowerer,
      plan: plan(fusion, lowerer, outputTensors, assignments),
      inputs: symbols,
      outputs: new Map(names.map((n, i) => [n as string, outputTensors[i]])),
      afterRun: trace.afterRun,
      variableBuffer: (variable) => this.#bufferOf(variable),
    });
  }

  /** The value of a tensor, or of each of a record: one compile and one run. */
  async evaluate(t: Tensor): Promise<TypedArray>;
  async evaluate<O extends string>(ts: Outputs<O>): Promise<Values<O>>;
  async evaluate<O extends string>(t: Tensor | Outputs<O>): Promise<TypedArray | Values<O>> {
    const wanted: Outputs<string> = t instanceof Tensor ? { value: t } : t;
    using program = await this.compile(() => wanted, {}, { name: "evaluate" });
    program.run();
    const values = await program.read();
    return t instanceof Tensor ? values.value : (values as Values<O>);
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
    if (data.length !== variable.size) throw new ShapeError("write", `${variable.name || "a variable"} holds ${variable.size} numbers, got ${data.length}`);
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
  [Symbol.dispose](): void { this.dispose(); }

  #place(variable: Variable): { buffer: GPUBuffer; offset: number } {
    if (!variable.arena) return { buffer: this.#bufferOf(variable), offset: 0 };
    return { buffer: this.#bufferOf(variable.arena.variable), offset: variable.arena.offset * bytesPerElement(variable.dtype) };
  }

  #bufferOf(variable: Variable): GPUBuffer {
    const known = this.#variables.get(variable);
    if (known) return known;
    if (variable.arena) throw new UsageError(`internal: ${variable.name} lives in ${variable.arena.variable.name}`);
    const data = encode(variable.dtype, variable.initialData());
    const buffer = this.gpu.createBuffer(data.byteLength, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST, `variable ${variable.name}`);
    if (data.byteLength > 0) this.gpu.device.queue.writeBuffer(buffer, 0, data);
    this.#variables.set(variable, buffer);
    variable.bound = true;
    return buffer;
  }
}
