// From a traced graph to ONNX, node by node. Tensors of rank 4 are images, so ONNX holds every one of them as NCHW,
// inside and at its interface; all other ranks keep their axes. Weights become initializers in PyTorch's layouts.
import { type Shape, type Tensor, type Variable, input, showShape } from "../../engine/index.ts";
import { permuted } from "../pytorch.ts";
import type { OnnxModel } from "./file.ts";
import {
  type Node,
  type OpNode,
  OnnxError,
  TO_NCHW,
  beforeExpand,
  gathered,
  memberAt,
  onnxShape,
  withoutPasses,
  withoutSingles,
} from "./graph.ts";
import { emitters } from "./ops.ts";
import { type Match, matchPattern } from "./patterns.ts";
import { OnnxWriter } from "./writer.ts";

export interface OnnxOptions {
  /** Name of the graph. */
  name?: string;
  /** Names of the weights, say their foreign names; by default the variables' own. */
  names?: ReadonlyMap<Variable, string>;
  /** Current values of the variables; by default what they start with. */
  values?: (v: Variable) => ArrayLike<number>;
}

export type Inputs = Readonly<Record<string, Shape>>;
export type Forward = (inputs: Readonly<Record<string, Tensor>>) => Readonly<Record<string, Tensor>>;

const OPSET = 18;

/** What emitters write a node of our graph with. */
export class Exporter extends OnnxWriter {
  readonly options: OnnxOptions;
  readonly #named = new Map<Tensor, string>();
  readonly #uses = new Map<Tensor, number>();

  constructor(options: OnnxOptions) {
    super();
    this.options = options;
  }

  run(forward: Forward, inputs: Inputs): OnnxModel {
    const symbols = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, input(name, shape)]));
    // Outside a training trace batch norm takes its running statistics and dropout is off.
    const outputs = Object.entries(forward(symbols)).map(([name, t]) => [name, withoutPasses(t)] as const);
    for (const [name, t] of [...Object.entries(symbols), ...outputs]) {
      this.take(name);
      if (t.node.op.kind === "source" && t === symbols[name]) this.#named.set(t, name);
    }
    const order = this.#order(outputs.map(([, t]) => t));
    for (const [node, match] of order) this.#emit(node, match);
    for (const [name, t] of outputs) this.node("Identity", [this.value(t)], {}, name);
    return {
      name: this.options.name ?? "cmedl",
      opset: OPSET,
      ...this.finish(outputs.map(([name]) => name)),
      inputs: Object.entries(symbols).map(([name, t]) => ({ name, type: t.dtype, shape: onnxShape(t.shape) })),
      outputs: outputs.map(([name, t]) => ({ name, type: t.dtype, shape: onnxShape(t.shape) })),
    };
  }

  /** The ONNX name of a tensor: of a weight or constant in its own shape too. */
  value(t: Tensor): string {
    const x = withoutPasses(t);
    const known = this.#named.get(x);
    if (known !== undefined) return known;
    const constant = this.constantOf(x);
    if (!constant) throw new OnnxError(`${String(x)} is no input and has no value`);
    const name = this.initializer(
      constant.name,
      x.dtype,
      onnxShape(x.shape),
      x.rank === 4 ? permuted(constant.data, x.shape, TO_NCHW) : constant.data,
      `${x.node.id}`,
    );
    this.#named.set(x, name);
    return name;
  }

  /**
   * An operand that ONNX broadcasts: a tensor before it was expanded, where that does not change the result's shape.
   */
  operands(xs: readonly Tensor[], shape: Shape): string[] {
    const slim = xs.map(beforeExpand);
    const covers = shape.every((n, d) => n === 1 || slim.some((x) => x.shape[d] === n));
    return slim.map((x, i) => {
      const slimmed = covers || i > 0;
      const from = slimmed ? x : withoutPasses(xs[i]!);
      return slimmed && from.node.op.name === "constant"
        ? this.scalar((from.node.attrs as { value: number }).value, from.dtype)
        : this.value(from);
    });
  }

  /** A weight in the layout of ONNX's convolutions: ours [R, S, C, K] is [K, C, R, S] there. */
  filter(w: Tensor): string {
    const perm = [3, 2, 0, 1];
    const x = withoutPasses(w);
    const constant = this.constantOf(x);
    if (constant)
      return this.initializer(
        constant.name,
        x.dtype,
        perm.map((d) => x.shape[d]!),
        permuted(constant.data, x.shape, perm),
        `${x.node.id} filter`,
      );
    // Computed weights stand as an image would, axes [0, 3, 1, 2].
    return this.node("Transpose", [this.value(x)], { perm: perm.map((d) => TO_NCHW.indexOf(d)) });
  }

  /** A weight [C], whatever sizes of 1 stand around it. */
  vector(t: Tensor, length: number): string {
    const x = beforeExpand(t);
    const constant = this.constantOf(x)!;
    if (constant.data.length === 1 && length > 1)
      return this.initializer(
        "",
        x.dtype,
        [length],
        new Float32Array(length).fill(constant.data[0]!),
        `fill ${length} ${constant.data[0]}`,
      );
    return this.initializer(constant.name, x.dtype, [length], constant.data, `${withoutSingles(x).node.id} vector`);
  }

  uses(t: Tensor): number {
    return this.#uses.get(t) ?? 0;
  }

  /** Whether a tensor is a weight or constant, or a view of one. */
  isConstant(t: Tensor): boolean {
    const { op, inputs } = t.node;
    return (
      op.name === "variable" ||
      op.name === "constant" ||
      ((op.kind === "movement" || op.kind === "pass") && this.isConstant(inputs[0]!))
    );
  }

  /** The values of a weight or constant, also through views of it; undefined where the tensor is computed. */
  constantOf(t: Tensor): { name: string; data: ArrayLike<number> } | undefined {
    if (!this.isConstant(t)) return undefined;
    const { op, attrs, inputs } = t.node;
    if (op.name === "variable") {
      const { variable } = attrs as { variable: Variable };
      return { name: this.#nameOf(variable), data: this.#valuesOf(variable) };
    }
    if (op.name === "constant")
      return { name: "", data: new Float32Array(t.size).fill((attrs as { value: number }).value) };
    const member = memberAt(t);
    if (member) return { name: this.#nameOf(member), data: this.#valuesOf(member) };
    const source = inputs[0]!;
    const from = this.constantOf(source)!;
    if (op.kind !== "movement" || !op.view) return from;
    const { shape } = source;
    const { offset, strides } = op.view(
      { offset: 0, strides: shape.map((_, d) => shape.slice(d + 1).reduce((n, m) => n * m, 1)) },
      shape,
      t.shape,
      attrs,
    );
    return { name: from.name, data: gathered(from.data, t.shape, offset, strides) };
  }

  #nameOf(variable: Variable): string {
    return this.options.names?.get(variable) ?? variable.name;
  }
  #valuesOf(variable: Variable): ArrayLike<number> {
    return (this.options.values ?? ((v: Variable) => v.initialData()))(variable);
  }

  /** What must be written, each node after what it needs, with the pattern that it ends. */
  #order(outputs: readonly Tensor[]): (readonly [Node, Match | undefined])[] {
    const seen = new Set<Node>();
    const all: Node[] = [];
    const stack = outputs.map((t) => t.node);
    for (const t of outputs) this.#uses.set(t, 1);
    while (stack.length) {
      const node = stack.pop()!;
      if (seen.has(node)) continue;
      seen.add(node);
      const inputs = node.op.kind === "pass" ? node.inputs.slice(0, 1) : node.inputs;
      for (const t of inputs) {
        const x = withoutPasses(t);
        this.#uses.set(x, (this.#uses.get(x) ?? 0) + 1);
        stack.push(x.node);
      }
      all.push(node);
    }
    const wanted = new Map<Node, Match | undefined>();
    const need = outputs.map((t) => t.node);
    while (need.length) {
      const node = need.pop()!;
      if (wanted.has(node) || node.outputs.every((t) => this.#named.has(t) || this.isConstant(t))) continue;
      const match = matchPattern(node as unknown as OpNode, this);
      wanted.set(node, match);
      const inputs = match
        ? match.inputs
        : node.op.kind === "elementwise"
          ? node.inputs.flatMap((x) => [withoutPasses(x), beforeExpand(x)])
          : node.inputs.map(withoutPasses);
      for (const x of inputs) need.push(x.node);
    }
    return [...wanted].sort(([a], [b]) => a.id - b.id);
  }

  #emit(node: Node, match: Match | undefined): void {
    if (match) {
      this.#named.set(node.outputs[0]!, match.emit(this));
      return;
    }
    const emit = Object.hasOwn(emitters, node.op.name) ? emitters[node.op.name] : undefined;
    if (!emit) {
      const inputs = node.inputs.map((x) => showShape(x.shape)).join(" and ");
      throw new OnnxError(
        `${node.op.name} of ${inputs || "nothing"} has no form in ONNX here; export a network without it`,
      );
    }
    const made = emit(this, node as unknown as OpNode);
    for (const [i, name] of (typeof made === "string" ? [made] : made).entries())
      this.#named.set(node.outputs[i]!, name);
  }
}
