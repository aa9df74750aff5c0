// The part of the peers' interfaces that is used here: they are not installed with the project, whose types must
// check without.

declare module "@tensorflow/tfjs-core" {
  export interface Tensor {
    readonly shape: number[];
    data(): Promise<Float32Array>;
    dispose(): void;
  }
  type Axes = number | readonly number[];
  type Pads = number | "valid" | "same" | readonly (readonly [number, number])[];
  export function registerBackend(name: string, make: () => unknown, priority?: number): boolean;
  export function removeBackend(name: string): void;
  export function setBackend(name: string): Promise<boolean>;
  export function engine(): {
    runKernel(name: string, inputs: Record<string, Tensor>, attrs: Record<string, unknown>): Tensor;
  };
  export function tidy<T>(f: () => T): T;
  export function keep<T extends Tensor>(t: T): T;
  export function tensor(values: Float32Array, shape: readonly number[]): Tensor;
  export function variable(t: Tensor): Tensor;
  export function matMul(a: Tensor, b: Tensor, transposeA?: boolean, transposeB?: boolean): Tensor;
  export function conv2d(x: Tensor, w: Tensor, stride: number, pad: Pads, format?: "NHWC", dilation?: number): Tensor;
  export function conv2dTranspose(x: Tensor, w: Tensor, shape: readonly number[], stride: number, pad: Pads): Tensor;
  export function mirrorPad(x: Tensor, pads: readonly (readonly [number, number])[], mode: "reflect"): Tensor;
  export function maxPool(x: Tensor, size: number, stride: number, pad: "valid"): Tensor;
  export function moments(x: Tensor, axes: Axes, keepDims?: boolean): { mean: Tensor; variance: Tensor };
  export function batchNorm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    offset: Tensor,
    scale: Tensor,
    eps: number,
  ): Tensor;
  export function grads(f: (...xs: Tensor[]) => Tensor): (xs: Tensor[], dy: Tensor) => Tensor[];
  export function valueAndGrad(f: (x: Tensor) => Tensor): (x: Tensor) => { value: Tensor; grad: Tensor };
  type Operand = Tensor | number;
  export function add(a: Operand, b: Operand): Tensor;
  export function sub(a: Operand, b: Operand): Tensor;
  export function mul(a: Operand, b: Operand): Tensor;
  export function div(a: Operand, b: Operand): Tensor;
  export function neg(x: Tensor): Tensor;
  export function abs(x: Tensor): Tensor;
  export function exp(x: Tensor): Tensor;
  export function log(x: Tensor): Tensor;
  export function log1p(x: Tensor): Tensor;
  export function relu(x: Tensor): Tensor;
  export function rsqrt(x: Tensor): Tensor;
  export function norm(x: Tensor, order: number, axis: Axes, keepDims?: boolean): Tensor;
  export function mean(x: Tensor, axes?: Axes, keepDims?: boolean): Tensor;
  export function sum(x: Tensor, axes?: Axes, keepDims?: boolean): Tensor;
  export function max(x: Tensor, axes?: Axes, keepDims?: boolean): Tensor;
  export function min(x: Tensor, axes?: Axes, keepDims?: boolean): Tensor;
  export function reshape(x: Tensor, shape: readonly number[]): Tensor;
  export function concat(xs: readonly Tensor[], axis: number): Tensor;
  export const image: { resizeNearestNeighbor(x: Tensor, size: readonly [number, number]): Tensor };
  export const train: {
    adam(
      rate: number,
      beta1: number,
      beta2: number,
      eps: number,
    ): { minimize(f: () => Tensor, returnCost: boolean, variables: readonly Tensor[]): Tensor | null };
  };
}

declare module "@tensorflow/tfjs-core/dist/register_all_gradients" {}

declare module "@tensorflow/tfjs-backend-webgpu" {
  export class WebGPUBackend {
    constructor(device: GPUDevice, info?: GPUAdapterInfo);
    readonly commandEncoder: GPUCommandEncoder | null;
    endComputePassEncoder(): void;
    submitQueue(): void;
  }
}

declare module "@jax-js/jax" {
  type Axes = number | number[];
  /** Every use takes a reference away; `ref` adds one. */
  export interface Array {
    readonly ref: Array;
    readonly shape: number[];
    add(other: Array | number): Array;
    sub(other: Array | number): Array;
    mul(other: Array | number): Array;
    div(other: Array | number): Array;
    neg(): Array;
    reshape(shape: number[]): Array;
    slice(...index: (number | [] | [number, number])[]): Array;
    data(): Promise<Float32Array>;
    dispose(): void;
    blockUntilReady(): Promise<Array>;
  }
  export function init(...devices: "webgpu"[]): Promise<string[]>;
  export function defaultDevice(device: "webgpu"): string;
  export function getWebGPUDevice(): GPUDevice;
  type Tree = Array | Array[] | { [name: string]: Array };
  export function jit<F extends (...xs: never[]) => unknown>(f: F): F;
  export function grad(f: (...xs: Array[]) => Array, options: { argnums: number[] }): (...xs: Array[]) => Array[];
  export function valueAndGrad<F extends (...xs: never[]) => Array>(
    f: F,
  ): (...xs: Parameters<F>) => [Array, Parameters<F>[0]];
  export const numpy: {
    array(values: Float32Array, options: { shape: number[] }): Array;
    matmul(a: Array, b: Array): Array;
    sum(x: Array, axes?: Axes, options?: { keepdims?: boolean }): Array;
    mean(x: Array, axes?: Axes, options?: { keepdims?: boolean }): Array;
    max(x: Array, axes?: Axes, options?: { keepdims?: boolean }): Array;
    min(x: Array, axes?: Axes, options?: { keepdims?: boolean }): Array;
    sqrt(x: Array): Array;
    exp(x: Array): Array;
    log(x: Array): Array;
    log1p(x: Array): Array;
    absolute(x: Array): Array;
    maximum(a: Array, b: Array | number): Array;
    transpose(x: Array, perm?: number[]): Array;
    flip(x: Array, axis: number): Array;
    concatenate(xs: Array[], axis: number): Array;
    repeat(x: Array, times: number, axis: number): Array;
  };
  export const lax: {
    convGeneralDilated(
      x: Array,
      w: Array,
      strides: number[],
      padding: number[][],
      options?: { rhsDilation?: number[] },
    ): Array;
    convTranspose(
      x: Array,
      w: Array,
      strides: number[],
      padding: number[][],
      options?: { transposeKernel?: boolean },
    ): Array;
  };
  export const nn: { relu(x: Array): Array };
}
