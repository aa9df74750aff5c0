// Finding where numbers went bad: every tensor of a trace is asked how many of its values are not finite.
import { ancestors } from "./ancestors.ts";
import { cast } from "./ops/cast.ts";
import { finite, where } from "./ops/elementwise.ts";
import { concat, reshape } from "./ops/movement.ts";
import { sum } from "./ops/reduce.ts";
import { full, inputOf } from "./constant.ts";
import { isFloat } from "./dtype.ts";
import { show } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import { requireTrace } from "./trace.ts";
import { variableOf } from "./variable.ts";

/** What a line of a stack trace names that is a method: "    at UNet.forward (file …)". */
const METHOD_LINE = /^\s*at (?:async )?(?:new )?([A-Z]\w*\.[\w$.#]+) /;
/** Methods of the language and of the engine's own graph tell nothing. */
const UNTOLD = /^(Node|Array|Object|Function|Map|Set)\./;
const CALLERS = 4;

/**
 * A site for `rememberSites`: the methods that called the engine, innermost first: "DoubleConv.forward < UNet.forward".
 */
export function callers(): string {
  const names = new Set<string>();
  for (const line of (new Error().stack ?? "").split("\n")) {
    const name = METHOD_LINE.exec(line)?.[1];
    if (name && !UNTOLD.test(name)) names.add(name);
  }
  return [...names].slice(0, CALLERS).join(" < ");
}

export interface Watch {
  /** What is watched: each comes after what it is computed from. */
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
  const i = tensors.findIndex((_, k) => counts[k]! > 0);
  const bad = tensors[i];
  if (!bad) return undefined;
  const { inputs, site } = bad.node;
  const found = `${describe(bad)} has ${counts[i]} of ${bad.size} values that are not finite`;
  const from = inputs.length > 0 ? `, computed from ${inputs.map(describe).join(", ")}, all finite` : "";
  return `${found}${from}${site ? `, in ${site}` : ""}`;
}

/** A tensor by its op, or a variable or input by its name. */
function describe(t: Tensor): string {
  const { op, inputs } = t.node;
  const variable = variableOf(t);
  if (variable) return `${variable.name || "a variable"} ${t.dtype}${show(t.shape)}`;
  const input = inputOf(t);
  if (input) return `input ${input.name} ${t.dtype}${show(t.shape)}`;
  // A view is identified by what it shows.
  const [x, ...others] = inputs;
  return op.kind === "movement" && x && others.length === 0 ? describe(x) : t.toString();
}
