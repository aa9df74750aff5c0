// What the lab looks into: a function of tensors as `Device.compile` takes it, and the networks that it is made of.
import type { Mode } from "../engine/trace.ts";
import type { Module } from "../engine/module.ts";
import type { Tensor } from "../engine/tensor.ts";
import type { InputSpec } from "../engine/run/compilation.ts";
import type { Feeds } from "../engine/run/program.ts";

type Tensors = Readonly<Record<string, Tensor>>;

/** A function to compile, and the networks in it by name. */
export interface Made {
  readonly modules: Readonly<Record<string, Module>>;
  compute(inputs: Tensors): Tensors;
}

export interface Subject {
  readonly name: string;
  readonly mode: Mode;
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Makes new networks at each call: what is trained keeps state. */
  make(): Made;
  /** Inputs to run it with. */
  feeds(): Feeds;
}
