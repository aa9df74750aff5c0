// A pass of a layer or an op as it is measured, and its operands: made from their names, so that a check can make them
// again.
import { type Shape, type Tensor, Variable, sizeOf } from "../../engine/index.ts";
import { uniform } from "../measure/statistics.ts";
import type { Spot } from "./check.ts";
import type { Visit } from "./spots.ts";

/** An operand by its name, as a tensor and as numbers. */
export type TensorOf = (name: string, shape: Shape) => Tensor;
export type DataOf = (name: string, shape: Shape) => Float32Array;

/** Named results as tensors, and what each element should be. */
export interface Pass {
  readonly name: string;
  /** Elements of all operands and results, each once. */
  readonly elements: number;
  readonly flops: number;
  build(x: TensorOf): Record<string, Tensor>;
  spots(data: DataOf): Record<string, Spot>;
  /** Operands that can't be any numbers. */
  readonly values?: Readonly<Record<string, ArrayLike<number>>>;
  /** Operands that the results of their names overwrite where they stand, when it is timed. */
  readonly inPlace?: readonly string[];
  /** Of results that are sums of products: what the products are of. */
  readonly products?: Readonly<Record<string, Products>>;
}

/** The products a·b that add up to an element of a result. */
export interface Products {
  readonly a: { readonly name: string; readonly shape: Shape };
  readonly b: { readonly name: string; readonly shape: Shape };
  each(i: number, visit: Visit): void;
}

/** Operands of one pass: variables, so that no run writes them. */
export class Operands {
  readonly #data = new Map<string, Float32Array>();
  readonly #variables = new Map<string, Variable>();

  constructor(readonly pass: Pass) {}

  /** For a program: the results, or nothing where they overwrite operands. */
  readonly build = (): Record<string, Tensor> => this.pass.build(this.tensor);
  readonly buildInPlace = (results = this.build()): Record<string, Tensor> => {
    const { inPlace } = this.pass;
    if (!inPlace) return results;
    for (const name of inPlace) this.#variables.get(name)!.assign(results[name]!);
    return {};
  };

  readonly data: DataOf = (name, shape) => {
    const seed = [...name].reduce((s, c) => s * 31 + c.charCodeAt(0), 7);
    const given = this.pass.values?.[name];
    const made = this.#data.get(name) ?? (given ? Float32Array.from(given) : uniform(sizeOf(shape), seed));
    this.#data.set(name, made);
    return made;
  };

  readonly tensor: TensorOf = (name, shape) => {
    const made = this.#variables.get(name) ?? new Variable(shape, this.data(name, shape), { trainable: false, name });
    this.#variables.set(name, made);
    return made.value;
  };
}
