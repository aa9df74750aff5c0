// The graph as stages, once it is decided what is stored.
import { constantOp, constantValue, iotaOp } from "../constant.ts";
import type { Node, Tensor } from "../tensor.ts";
import type { Graph } from "./simplify.ts";
import { type Chain, type Stage, endOf } from "./stage.ts";

export interface Decisions {
  readonly stored: ReadonlySet<Tensor>;
  /** Chains of kernels and reductions by their raw result, and what they store. */
  readonly chains: ReadonlyMap<Tensor, Chain>;
  readonly ends: ReadonlySet<Tensor>;
}

/** In the order in which what each needs was made. */
export const cutIntoStages = (graph: Graph, decisions: Decisions): Stage[] =>
  graph.nodes.flatMap((node) => stagesOf(node, decisions)).sort((a, b) => a.order - b.order);

function stagesOf(node: Node, { stored, chains, ends }: Decisions): Stage[] {
  const { op, inputs, outputs } = node;
  switch (op.kind) {
    case "kernel":
    case "reduce": {
      const [raw] = outputs;
      const chain: Chain = chains.get(raw) ?? { tensors: [raw], domain: raw.shape };
      return [{ kind: op.kind, node, chain, order: endOf(chain).node.id }];
    }
    case "concat": {
      const views = op.views(inputs, node.attrs);
      return inputs.flatMap((value, i): Stage[] => {
        // What nothing writes stays zero where gaps are zero.
        const isGap = op.zeroFill === true && constantValue(value) === 0;
        if (isGap || value.size === 0) return [];
        return [{ kind: "part", value, into: outputs[0], view: views[i]!, order: node.id }];
      });
    }
    default:
      if (isExternal(node)) return [];
      return outputs
        .filter((t) => stored.has(t) && !ends.has(t))
        .map((result): Stage => ({ kind: "map", result, order: node.id }));
  }
}

/** Whether a node's value comes from outside: a variable or an input, which is stored already. */
export const isExternal = ({ op }: Node): boolean => op.kind === "source" && op !== constantOp && op !== iotaOp;
