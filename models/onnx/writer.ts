// An ONNX graph as it is written: nodes, initializers, and names that are free.
import type { DType } from "../../engine/index.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./file.ts";
import { OnnxError } from "./graph.ts";

export class OnnxWriter {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];
  readonly #taken = new Set<string>();
  /** Names of initializers by what they hold. */
  readonly #constants = new Map<string, string>();

  /** Takes the name of an input or output. Throws OnnxError where another has it. */
  take(name: string): void {
    if (this.#taken.has(name))
      throw new OnnxError(`two inputs or outputs are called ${name}; give each a name of its own`);
    this.#taken.add(name);
  }

  scalar(value: number, dtype: DType = "f32"): string {
    return this.initializer("", dtype, [], [value], `scalar ${dtype} ${Object.is(value, -0) ? "-0" : value}`);
  }
  integers(values: readonly number[]): string {
    return this.initializer("", "i64", [values.length], values, `i64 ${values.join(",")}`);
  }

  /** One more initializer, or the one that `key` has made already. */
  initializer(
    name: string,
    type: OnnxTensor["type"],
    shape: readonly number[],
    data: ArrayLike<number>,
    key: string,
  ): string {
    let known = this.#constants.get(key);
    if (known === undefined) {
      known = this.#unique(name || `constant_${this.#initializers.length}`);
      this.#constants.set(key, known);
      this.#initializers.push({ name: known, type, shape, data });
    }
    return known;
  }

  /** Writes an ONNX node of one output; its name. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output = this.#unique(`${op.toLowerCase()}_${this.#nodes.length}`),
  ): string {
    this.#nodes.push({ op, inputs, outputs: [output], attributes });
    return output;
  }

  /** Nodes and the initializers they read, of a graph with these outputs. */
  finish(outputs: readonly string[]): { nodes: OnnxNode[]; initializers: OnnxTensor[] } {
    const nodes = this.#spliced(outputs);
    const read = new Set(nodes.flatMap((n) => n.inputs));
    return { nodes, initializers: this.#initializers.filter((t) => read.has(t.name)) };
  }

  /**
   * Without nodes that nothing reads, and with outputs written by who computes them rather than copied, where only
   * they read it.
   */
  #spliced(outputs: readonly string[]): OnnxNode[] {
    const nodes = live(this.#nodes, outputs);
    const count = readsOf(nodes);
    for (const name of outputs) {
      const at = nodes.findIndex((n) => n.op === "Identity" && n.outputs[0] === name);
      const copied = nodes[at]?.inputs[0];
      const maker = nodes.findIndex((n) => copied !== undefined && n.outputs.includes(copied));
      const made = nodes[maker];
      if (copied === undefined || !made || count.get(copied) !== 1) continue;
      nodes[maker] = { ...made, outputs: made.outputs.map((output) => (output === copied ? name : output)) };
      nodes.splice(at, 1);
    }
    return nodes;
  }

  #unique(name: string): string {
    let free = name;
    for (let i = 1; this.#taken.has(free); i++) free = `${name}_${i}`;
    this.#taken.add(free);
    return free;
  }
}

/** How often each value is read. */
function readsOf(nodes: readonly OnnxNode[]): Map<string, number> {
  const count = new Map<string, number>();
  for (const { inputs } of nodes) for (const name of inputs) count.set(name, (count.get(name) ?? 0) + 1);
  return count;
}

/** Those nodes that the outputs need. */
function live(nodes: readonly OnnxNode[], outputs: readonly string[]): OnnxNode[] {
  let kept = [...nodes];
  for (;;) {
    const count = readsOf(kept);
    const read = kept.filter((n) => n.outputs.some((name) => count.has(name) || outputs.includes(name)));
    if (read.length === kept.length) return read;
    kept = read;
  }
}
