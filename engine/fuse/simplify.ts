// From traced outputs to the graph that is compiled: what nothing needs is gone, what is computed twice is shared.
import { inputOp } from "../constant.ts";
import { ancestors } from "../ancestors.ts";
import type { Attrs, Op } from "../op.ts";
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
  const known = opIds.get(op);
  if (known !== undefined) return known;
  const id = ops++;
  opIds.set(op, id);
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
    const inputs = node.inputs.map(resolve).flatMap((t) => (isSameJoin(t, node) ? t.node.inputs : [t]));
    if (node.op.kind === "pass") {
      stands.set(node.outputs[0], inputs[0]!);
      continue;
    }
    const key = keyOf(node, inputs);
    let stand = known.get(key);
    if (!stand) {
      const changed = inputs.length !== node.inputs.length || inputs.some((t, i) => t !== node.inputs[i]);
      stand = changed ? new Node(node.op, inputs, node.attrs, node.site) : node;
      known.set(key, stand);
      nodes.push(stand);
    }
    for (const t of node.outputs) if (stand !== node) stands.set(t, stand.outputs[t.index]!);
  }
  const result = roots.map(resolve);
  const alive = new Set(ancestors(result));
  return { nodes: nodes.filter((n) => alive.has(n)), roots: result };
}

/** Whether an input of a join is itself a join along the same axis: the two are one. */
const isSameJoin = (t: Tensor, { op, attrs }: Node): boolean =>
  op.kind === "concat" && !op.zeroFill && t.node.op === op && attrsKey(t.node.attrs) === attrsKey(attrs);

/**
 * Equal for nodes that compute the same. An input or variable is itself; an op that overwrites its input happens once
 * for each time it is written.
 */
function keyOf({ id, op, attrs }: Node, inputs: readonly Tensor[]): string {
  if (op === inputOp || op === variableOp || op.inPlace) return `${id}`;
  return `${idOf(op)}|${inputs.map((t) => `${t.node.id}.${t.index}`).join(",")}|${attrsKey(attrs)}`;
}

const attrsKey = (attrs: Attrs): string =>
  JSON.stringify(attrs, (_, v: unknown) => (typeof v === "number" && !isJson(v) ? nameOf(v) : v));

/** JSON has no −0, and no infinite numbers or NaN. */
const isJson = (v: number): boolean => Number.isFinite(v) && !Object.is(v, -0);
const nameOf = (v: number): string => (Object.is(v, -0) ? "-0" : `${v}`);
