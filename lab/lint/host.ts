// The host's side of kernels, held against their WGSL: what ops give each of them, in whole programs.
import { type Steps, finish } from "../../engine/pace.ts";
import { kernelsOf } from "../../engine/lower/kernels.ts";
import { type Compilation, compile } from "../../engine/run/compilation.ts";
import type { PlannedDispatch } from "../../engine/plan/plan.ts";
import type { Kernel, Traits } from "../../kernels/kernel.ts";
import type { Subject } from "../subject.ts";
import { declarationsOf } from "../wgsl/declarations.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { type Finding, type WgslFile, findingAt } from "./finding.ts";

/** What a program dispatches under some traits, or why it has no plan. */
export interface PlannedProgram {
  readonly name: string;
  readonly dispatches: readonly PlannedDispatch[];
  readonly findings: readonly Finding[];
}

/** Plans a program as a device of such traits would; nothing is made on any. */
export function planOf(
  { name, mode, inputs, make }: Pick<Subject, "name" | "mode" | "inputs" | "make">,
  traits: Traits,
  fileOf: (kernel: Kernel) => WgslFile,
  kernels: readonly Kernel[],
): PlannedProgram {
  try {
    const steps: Steps<Compilation> = compile(
      make().compute,
      inputs,
      { mode, name, horizontal: false },
      traits,
      DEFAULT_LIMITS,
    );
    const { plan } = finish(steps);
    const nodes = plan.stages.flatMap(({ stage }) => (stage.kind === "kernel" ? [stage.node] : []));
    const ops = kernelsOf({ nodes, roots: [] }, traits, DEFAULT_LIMITS);
    const findings = nodes.flatMap((node) =>
      ops.dispatchesOf(node).flatMap(({ kernel, buffers }) =>
        Object.keys(buffers)
          .filter((given) => !kernel.bindings.some((b) => b.name === given))
          .map((given) => needless(fileOf(kernel), node.op.name, given)),
      ),
    );
    return { name, dispatches: plan.stages.flatMap((s) => s.dispatches), findings };
  } catch (error) {
    return { name, dispatches: [], findings: [refused(name, error, kernels, fileOf)] };
  }
}

function needless(file: WgslFile, op: string, given: string): Finding {
  const binding = declarationsOf(file.source).find((d) => /@binding\b/.test(d.code));
  const message = `the op ${op} gives \`${given}\`, which no binding of the kernel takes: declare it, or let the op's lower leave it out`;
  return findingAt(file, "host-side", binding?.at ?? 0, binding?.name.length ?? 1, message);
}

/** What the engine throws where an op's lower and a kernel disagree, at the kernel's declaration. */
function refused(
  program: string,
  error: unknown,
  kernels: readonly Kernel[],
  fileOf: (kernel: Kernel) => WgslFile,
): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const [, name, binding, field] = /kernel (\S+?):? (?:binds (\w+)|Params\.(\w+))/.exec(message) ?? [];
  const kernel = kernels.find((k) => k.name === name);
  if (!kernel) throw error;
  const file = fileOf(kernel);
  const declared = declarationsOf(file.source).find((d) => d.name === (binding ?? "Params"));
  const inStruct = field ? declared?.code.search(new RegExp(`\\b${field}\\s*:`)) : undefined;
  const at = inStruct === undefined || !declared ? (declared?.at ?? 0) : declared.from + inStruct;
  const what = binding
    ? `the op gives no memory for binding \`${binding}\`: name it in its lower, or leave the binding out`
    : `the op gives no value for Params.${field}: name it in its problem, or leave the field out`;
  return { ...findingAt(file, "host-side", at, (binding ?? field ?? "").length, what), variant: program };
}
