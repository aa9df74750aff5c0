// From traced outputs to the graph that is compiled: what nothing needs is gone, what is computed twice is shared.
import { inputOp } from "../constant.ts";
import { ancestors } from "../grad.ts";
import type { Op } from "../op.ts";
import { Node, type Tensor } from "../tensor.ts";
import { variableOp } from "../variable.ts";

/** Nodes in topological order, and for each traced root the tensor that stands for it. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly roots: readonly Tensor[];
}

const opIds = new WeakMap<Op, number>();
let ops = 0;
function idOf(op: Op): number {
  let id = opIds.get(op);
  if (id === undefined) opIds.set(op, (id = ops++));
  return id;
}

/**
 * Dead nodes dropped, passes replaced by what they pass, equal nodes (same op, attributes, inputs) merged; in
 * creation order.
 */
export function simplify(roots: readonly Tensor[]): Graph {
  const stands = new Map<Tensor, Tensor>();
  const known = new Map<string, Node>();
  const nodes: Node[] = [];
  const resolve = (t: Tensor): Tensor => stands.get(t) ?? t;
  for (const node of ancestors(roots)) {
    const { op } = node;
    // Joins of joins along one axis are one join.
    const inputs = node.inputs
      .map(resolve)
      .flatMap((t) =>
        op.kind === "concat" && !op.zeroFill && t.node.op === op && attrsKey(t.node) === attrsKey(node)
          ? t.node.inputs
          : [t],
      );
    if (node.op.kind === "pass") {
      stands.set(node.outputs[0], inputs[0]);
      continue;
    }
    const changed = inputs.length !== node.inputs.length || inputs.some((t, i) => t !== node.inputs[i]);
    // An input or variable is itself; an op that overwrites its input happens once for each time it is written.
    const unique = node.op === inputOp || node.op === variableOp || node.op.inPlace;
    const key = unique
      ? `${node.id}`
      : `${idOf(node.op)}|${inputs.map((t) => `${t.node.id}.${t.index}`).join(",")}|${attrsKey(node)}`;
    let stand = known.get(key);
    if (!stand) {
      stand = changed ? new Node(node.op, inputs, node.attrs) : node;
      known.set(key, stand);
      nodes.push(stand);
    }
    if (stand !== node) node.outputs.forEach((t, i) => stands.set(t, stand.outputs[i]));
  }
  const result = roots.map(resolve);
  const alive = new Set(ancestors(result));
  return { nodes: nodes.filter((n) => alive.has(n)), roots: result };
}

const attrsKey = (node: Node): string =>
  JSON.stringify(node.attrs, (_, v: unknown) =>
    typeof v === "number" && (!Number.isFinite(v) || Object.is(v, -0)) ? `${Object.is(v, -0) ? "-0" : v}` : v,
  );
