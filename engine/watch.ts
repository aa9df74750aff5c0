// Finding where numbers went bad: every tensor of a trace is asked how many of its values are not finite.
import { cast } from "./ops/cast.ts";
import { finite, where } from "./ops/elementwise.ts";
import { concat, reshape } from "./ops/movement.ts";
import { sum } from "./ops/reduce.ts";
import { full } from "./constant.ts";
import { isFloat } from "./dtype.ts";
import { ancestors } from "./grad.ts";
import type { Tensor } from "./tensor.ts";
import { requireTrace } from "./trace.ts";
import { variableOp } from "./variable.ts";

export interface Watch {
  /** What is watched, in an order in which each stands behind what it is computed from. */
  readonly tensors: readonly Tensor[];
  /** Of each, how many values are infinite or NaN: f32 [n]. */
  readonly counts: Tensor;
}

/**
 * Watches all floating tensors that `outputs` and the variables assigned so far are computed from. Within a trace;
 * for debugging, for it costs a pass over each.
 */
export function watchFinite(outputs: readonly Tensor[]): Watch {
  const trace = requireTrace("watchFinite");
  const assigned = [...trace.assigned].map((v) => trace.values.get(v)!);
  const tensors = ancestors([...outputs, ...assigned])
    // Views hold what their base holds; a constant is what it is.
    .filter(
      ({ op }) =>
        op.kind !== "movement" &&
        op.kind !== "pass" &&
        !(op.kind === "source" && op.name !== "variable" && op.name !== "input"),
    )
    .flatMap((node) => node.outputs.filter((t) => isFloat(t.dtype) && t.size > 0));
  const count = (t: Tensor): Tensor =>
    reshape(sum(where(finite(cast(t, "f32")), full(t.shape, 0), full(t.shape, 1))), [1]);
  return { tensors, counts: tensors.length > 0 ? concat(tensors.map(count), 0) : full([0], 0) };
}

/**
 * The first watched tensor that went bad, in words: the op, its inputs, where it was called. Undefined where all is
 * finite.
 */
export function firstNotFinite({ tensors }: Watch, counts: ArrayLike<number>): string | undefined {
  const i = tensors.findIndex((_, k) => counts[k] > 0);
  if (i < 0) return undefined;
  const { node, size } = tensors[i];
  const made = `${describe(tensors[i])} has ${counts[i]} of ${size} values that are not finite`;
  const from = node.inputs.length > 0 ? `, computed from ${node.inputs.map(describe).join(", ")}, all finite` : "";
  return `${made}${from}${node.site ? `, in ${node.site}` : ""}`;
}

/** A tensor by its op, or a variable or input by its name. */
function describe(t: Tensor): string {
  const { op, attrs, inputs } = t.node;
  if (op === variableOp)
    return `${(attrs as { variable: { name: string } }).variable.name || "a variable"} ${t.dtype}[${t.shape.join(", ")}]`;
  if (op.name === "input") return `input ${(attrs as { name: string }).name} ${t.dtype}[${t.shape.join(", ")}]`;
  // A view is told by what it shows.
  return op.kind === "movement" && inputs.length === 1 ? describe(inputs[0]) : t.toString();
}
