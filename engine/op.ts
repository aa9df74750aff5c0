// An op is one declaration of its forward side: its shapes, and how it reaches the GPU. Gradients are in gradients/.
import type { BindingRoom, Consts, Kernel, Params, Run, Traits } from "../kernels/kernel.ts";
import type { DType } from "./dtype.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type Attrs = object;

export type AtLeastOne<T> = readonly [T, ...T[]];
/** The inputs that an op takes, and for each of them a T. */
export type OpInputs = readonly Tensor[];
export type Each<I extends OpInputs, T> = { readonly [K in keyof I]: T };

interface OpBase<A extends Attrs, I extends OpInputs> {
  readonly name: string;
  /** Shapes and dtypes of the outputs; throws ShapeError. */
  infer(inputs: I, attrs: A): Spec[];
  /** output index → input index that the op overwrites; the planner copies first where the input lives on. */
  readonly inPlace?: Readonly<Record<number, number>>;
}

/**
 * y[i] = expression(x[i], …): always fuses. Expressions use F, I, U, B for float, int, uint and bool, scalar or
 * vector alike.
 */
export interface ElementwiseOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "elementwise";
  wgsl(x: Each<I, string>, attrs: A): string;
  /** WGSL functions the expression calls, by name. */
  readonly functions?: Readonly<Record<string, string>>;
  /** Whether it rounds an f16 that it reads or gives; others are rounded where they are stored or compared. */
  readonly rounds?: boolean;
  /** Rough operations per element: decides recompute or store. */
  readonly flops: number;
}

/** Where elements stand: index = offset + Σ coordinate · stride. */
export interface View {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Moves elements without touching them; costs nothing where its readers can follow the strides. */
export interface MovementOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "movement";
  /** The output's view of the memory that `from` views; absent for reshape, which reads the same elements in order. */
  view?(from: View, input: Shape, output: Shape, attrs: A): View;
}

/**
 * y[o] = combine over r of x[o, r]: the axes are reduced, elementwise producers fuse into the read. "moments" gives
 * mean and variance; "sums" takes two inputs of one shape and gives the sum of each, the last axis kept.
 */
export interface ReduceOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "reduce";
  readonly combine: "sum" | "max" | "min" | "prod" | "moments" | "sums";
  axes(attrs: A): readonly number[];
}

/** Anything with kernels of its own. */
export interface KernelOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "kernel";
  lower(l: Lowering<I>, attrs: A): void;
}

/** Inputs, constants, variables: what a graph starts from. */
export interface SourceOp<A extends Attrs = Attrs> extends OpBase<A, OpInputs> {
  readonly kind: "source";
}

/** The value of its first input, with a gradient of its own: it is gone once a graph is compiled. */
export interface PassOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "pass";
}

/** Joins its inputs: each producer writes its own view of the joined buffer. */
export interface ConcatOp<A extends Attrs = Attrs, I extends OpInputs = AtLeastOne<Tensor>> extends OpBase<A, I> {
  readonly kind: "concat";
  /** Where each input's elements stand in the output. */
  views(inputs: I, attrs: A): View[];
  /** Elements that no input covers are zero. */
  readonly zeroFill?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: an op of whatever attributes and inputs
export type Op<A extends Attrs = any, I extends OpInputs = any> =
  | ElementwiseOp<A, I>
  | MovementOp<A, I>
  | ReduceOp<A, I>
  | KernelOp<A, I>
  | SourceOp<A>
  | ConcatOp<A, I>
  | PassOp<A, I>;

/** Memory that an op's dispatches bind, as its `lower` sees it: an input, an output or scratch. */
export interface MemoryHandle {
  readonly bytes: number;
}

/** What an op's `lower` emits dispatches through. */
export interface Lowering<I extends OpInputs = AtLeastOne<Tensor>> {
  readonly traits: Traits;
  readonly inputs: Each<I, Spec>;
  readonly outputs: AtLeastOne<Spec>;
  /** Memory of the i-th input (contiguous, row-major) or output. */
  input(i: number): MemoryHandle;
  output(i: number): MemoryHandle;
  /** Memory that lives from the dispatch that writes it to the last that reads it; f16 only where `dtype` is. */
  scratch(bytes: number, dtype?: DType): MemoryHandle;
  /** What a binding holds of elements of this type: larger tensors are bound by runs. */
  room(dtype: DType): BindingRoom;
  /** A run of an input's, an output's or a scratch's elements, that starts where a binding can. */
  part(memory: MemoryHandle, run: Run): MemoryHandle;
  /** The kernel of the list that was found fastest for the problem, if one was; else the first that fits. */
  select(kernels: readonly Kernel[], params: Params): Kernel;
  /**
   * One dispatch: `buffers` by the names of the kernel's bindings. The kernel that writes output 0 last may take an
   * epilogue: each of its dispatches writes a part of its own.
   */
  dispatch(kernel: Kernel, params: Params, buffers: Readonly<Record<string, MemoryHandle>>, consts?: Consts): void;
  /**
   * Dispatches for `params.n` items (images, or vec4s of a flat tensor) that the kernel does one by one and that follow
   * each other in each of `items`: as many at a time as bindings hold. `whole` are bound as they are.
   */
  dispatchItems(
    kernel: Kernel,
    params: Params & { readonly n: number },
    items: Readonly<Record<string, MemoryHandle>>,
    whole?: Readonly<Record<string, MemoryHandle>>,
  ): void;
}
