// A dispatch: a kernel, its WGSL with the fused expressions in its hooks, its numbers, and what it binds.
import { type Consts, type Kernel, type Params, packParams, specialize } from "../../kernels/kernel.ts";
import { type DType, wgslType } from "../dtype.ts";
import type { Slot } from "../op.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { HookContext, LoopVariable } from "./emit.ts";

/** Memory that a dispatch binds: a run of a stored tensor, or of scratch that lives within one stage. */
export interface Memory extends Slot {
  readonly of: Tensor | { readonly scratch: number };
  /** In bytes from the start of the stored tensor. */
  readonly offset: number;
}

export interface BoundMemory {
  readonly binding: number;
  readonly access: "read" | "read_write";
  readonly memory: Memory;
}

/** One dispatch, ready but for the buffers. */
export interface Dispatch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly params: Params;
  readonly consts: Consts;
  readonly code: string;
  readonly memory: readonly BoundMemory[];
  /** Contents of the uniform bindings. */
  readonly uniforms: readonly { readonly binding: number; readonly data: ArrayBuffer }[];
  readonly workgroups: readonly [number, number, number];
  readonly cost: Cost;
  /** Elementwise ops computed in its hooks. */
  readonly fused: readonly string[];
}

export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

const THREADS = 64;
const MAX_GROUPS = 65535;

/** One loop over a whole shape, in the hook's parameter i. */
export const wholeLoop = (shape: Shape): LoopVariable[] => [{ name: "i", dims: shape.map((_, d) => d) }];

/** What the aliases F, I, U, B of a kernel are at this width. */
export const typeAliases = (width: 1 | 4): Record<string, string> =>
  width === 4
    ? { F: "vec4<f32>", I: "vec4<i32>", U: "vec4<u32>", B: "vec4<bool>" }
    : { F: "f32", I: "i32", U: "u32", B: "bool" };

export const storageType = (dtype: DType, width: 1 | 4): string =>
  width === 4 ? `vec4<${wgslType(dtype)}>` : wgslType(dtype);

/**
 * The storage aliases of a kernel (`Elem`, `Elem4`, `Word`) as f16 where the buffers that they type hold half
 * precision. `dtypeOf` tells a binding's dtype; scratch need not have one, and is then not f16.
 */
export function storageAliases(
  { name, source, bindings }: Kernel,
  dtypeOf: (binding: string) => DType | undefined,
): Record<string, string> {
  const half = new Map<string, boolean>();
  const aliases: Record<string, string> = {};
  for (const b of bindings) {
    if (b.access === "uniform") continue;
    const isHalf = dtypeOf(b.name) === "f16";
    const alias = /^array<(Elem4?|Word)>$/.exec(b.type)?.[1];
    if (isHalf !== (alias ? (half.get(alias) ?? isHalf) : false))
      throw new Error(`internal: kernel ${name} can't ${isHalf ? "store" : "mix"} f16 in ${b.name}`);
    if (!alias) continue;
    half.set(alias, isHalf);
    if (isHalf)
      aliases[alias] = new RegExp(`^alias ${alias}\\s*=\\s*([^;]+);`, "m")
        .exec(source)![1]
        .trim()
        .replace("f32", "f16");
  }
  return aliases;
}

export interface DispatchParts {
  readonly label: string;
  readonly kernel: Kernel;
  readonly params: Params;
  /** By the names of the kernel's bindings. */
  readonly buffers: Readonly<Record<string, Memory>>;
  readonly consts?: Consts;
  readonly aliases?: Readonly<Record<string, string>>;
  readonly context: HookContext;
  readonly hooks?: Readonly<Record<string, string>>;
  readonly cost: Cost;
}

export function makeDispatch({
  label,
  kernel,
  params,
  buffers,
  consts = {},
  aliases = {},
  context,
  hooks = {},
  cost,
}: DispatchParts): Dispatch {
  const memory: BoundMemory[] = [];
  const uniforms: { binding: number; data: ArrayBuffer }[] = [];
  for (const b of kernel.bindings) {
    if (b.access === "uniform") uniforms.push({ binding: b.index, data: packParams(kernel, params) });
    else {
      const m = buffers[b.name];
      if (!m) throw new Error(`internal: kernel ${kernel.name} binds ${b.name}, which its op does not give`);
      memory.push({ binding: b.index, access: b.access, memory: m });
    }
  }
  let next = Math.max(-1, ...kernel.bindings.map((b) => b.index)) + 1;
  const append: string[] = [];
  if (context.usesNumbers) {
    const data = context.numbers;
    append.push(`@group(0) @binding(${next}) var<uniform> k : array<vec4<u32>, ${data.length / 4}>;`);
    uniforms.push({ binding: next++, data: data.buffer });
  }
  for (const { memory: m, name, type, access } of context.bindings) {
    append.push(`@group(0) @binding(${next}) var<storage, ${access}> ${name} : array<${type}>;`);
    memory.push({ binding: next++, access, memory: m });
  }
  append.push(...Object.values(context.functions));
  const text = specialize(kernel.source, {
    consts,
    aliases,
    hooks,
    append: append.length ? append.join("\n") : undefined,
  });
  // The directive stands only where half precision is stored: other devices refuse it.
  const code = /\bf16\b/.test(text.replace(/\/\/.*$/gm, "")) ? `enable f16;\n${text}` : text;
  return {
    label,
    kernel,
    params,
    consts,
    code,
    memory,
    uniforms,
    workgroups: workgroupsOf(kernel, params, consts),
    cost,
    fused: context.fused,
  };
}

/**
 * The dispatch with these bindings writable: what one buffer holds for it is bound in one way only, read or written.
 */
export function writable(d: Dispatch, bindings: ReadonlySet<number>): Dispatch {
  let { code } = d;
  for (const b of bindings)
    code = code.replace(new RegExp(`(@binding\\(${b}\\)\\s*var<storage)(\\s*,\\s*read)?>`), "$1, read_write>");
  return { ...d, code, memory: d.memory.map((m) => (bindings.has(m.binding) ? { ...m, access: "read_write" } : m)) };
}

/** Workgroup counts; invocations beyond 65,535 groups go on in y. */
export function workgroupsOf(kernel: Kernel, params: Params, consts: Consts): readonly [number, number, number] {
  if (kernel.workgroups) return kernel.workgroups(params, consts);
  const groups = Math.max(1, Math.ceil(kernel.threads!(params, consts) / THREADS));
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}
