// A dispatch: a kernel, its WGSL with the fused expressions in its hooks, its numbers, and what it binds.
import { type Binding, type Consts, type Kernel, type Params, packParams, specialize } from "../../kernels/kernel.ts";
import { type DType, wgslType } from "../dtype.ts";
import type { Shape } from "../shape.ts";
import type { HookContext } from "./context.ts";
import type { LoopVariable } from "./indexer.ts";
import type { BoundMemory, Memory } from "../fuse/memory.ts";
import type { Through } from "./parts.ts";
import { horizontal } from "../horizontal.ts";
import { llvmpipe } from "../llvmpipe.ts";

/** One dispatch, ready but for the buffers and for which of its bindings are writable. */
export interface Dispatch {
  readonly label: string;
  readonly kernel: Kernel;
  readonly params: Params;
  readonly consts: Consts;
  /** The kernel's aliases that are not as its WGSL has them. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly memory: readonly BoundMemory[];
  /** Contents of the uniform bindings. */
  readonly uniforms: readonly { readonly binding: number; readonly data: ArrayBuffer }[];
  readonly workgroups: readonly [number, number, number];
  readonly cost: Cost;
  /** Elementwise ops computed in its hooks. */
  readonly fused: readonly string[];
  /** Bindings that are read by vectors of four f32. */
  readonly byFours: ReadonlySet<number>;
  /**
   * Of a dispatch with parts: its uniform, once it is known what it binds (textures by `memory`) and which byte of its
   * storage a memory begins at.
   */
  told?(memory: readonly BoundMemory[], byteOf: (m: Memory) => number): Pick<Dispatch, "uniforms">;
  /** The module with these of the bindings that it reads declared as writable, and these as textures. */
  wgsl(declared: Declared): string;
}

/** Bindings that a dispatch reads and that are declared otherwise than as read-only storage. */
export interface Declared {
  readonly writable: ReadonlySet<number>;
  readonly texels: ReadonlySet<number>;
  /** For a module that has parts, which bindings go through which (parts.ts). */
  readonly parts?: Through;
  /** Whether calls of `dbg` stay. */
  readonly dbg?: boolean;
}

/** Least work: floating-point operations and bytes moved. */
export interface Cost {
  readonly flops: number;
  readonly bytes: number;
}

const THREADS = 64;
const MAX_GROUPS = 65535;

/** One loop over a whole shape, in the hook's parameter i. */
export const wholeLoop = (shape: Shape): LoopVariable[] => [{ name: "i", dims: shape.map((_, d) => d) }];

/** What the aliases F, I, U, B of a kernel are at this width. */
export const typeAliases = (width: 1 | 4): TypeAliases =>
  width === 4
    ? { F: "vec4<f32>", I: "vec4<i32>", U: "vec4<u32>", B: "vec4<bool>" }
    : { F: "f32", I: "i32", U: "u32", B: "bool" };
export type TypeAliases = Readonly<Record<"F" | "I" | "U" | "B", string>>;

export const storageType = (dtype: DType, width: 1 | 4): string =>
  width === 4 ? `vec4<${wgslType(dtype)}>` : wgslType(dtype);

/** The aliases by which kernels type their storage. */
const STORAGE_ALIASES = ["Elem", "Elem4", "Word"] as const;
type StorageAlias = (typeof STORAGE_ALIASES)[number];

const storageAliasOf = ({ type }: Binding): StorageAlias | undefined =>
  STORAGE_ALIASES.find((alias) => type === `array<${alias}>`);

/** A storage alias in half precision: a scalar, or a vector where the kernel's own is one. */
const halfAlias = ({ source }: Kernel, alias: StorageAlias): string =>
  new RegExp(`^alias ${alias}\\s*=\\s*vec4<f32>;`, "m").test(source) ? "vec4<f16>" : "f16";

/**
 * The storage aliases of a kernel as f16 where the buffers that they type hold half precision. `dtypeOf` tells a
 * binding's dtype; scratch need not have one, and is then not f16.
 */
export function storageAliases(
  kernel: Kernel,
  dtypeOf: (binding: string) => DType | undefined,
): Partial<Record<StorageAlias, string>> {
  const half = new Map<StorageAlias, boolean>();
  for (const b of kernel.bindings) {
    if (b.access === "uniform") continue;
    const isHalf = dtypeOf(b.name) === "f16";
    const alias = storageAliasOf(b);
    if (isHalf !== (alias ? (half.get(alias) ?? isHalf) : false))
      throw new Error(`internal: kernel ${kernel.name} can't ${isHalf ? "store" : "mix"} f16 in ${b.name}`);
    if (alias) half.set(alias, isHalf);
  }
  const aliases: Partial<Record<StorageAlias, string>> = {};
  for (const [alias, isHalf] of half) if (isHalf) aliases[alias] = halfAlias(kernel, alias);
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

export function makeDispatch(parts: DispatchParts): Dispatch {
  const { label, kernel, params, buffers, consts = {}, aliases = {}, context, cost } = parts;
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
  const added = addedBindings(kernel, context);
  if (added.numbers !== undefined) uniforms.push({ binding: added.numbers, data: context.numbers.buffer });
  memory.push(...added.memory);
  return {
    label,
    kernel,
    params,
    consts,
    aliases,
    memory,
    uniforms,
    workgroups: workgroupsOf(kernel, params, consts),
    cost,
    fused: context.fused,
    byFours: readByFours(parts, added.memory),
    wgsl: (declared) => moduleOf(parts, declared),
  };
}

/** Where the hooks' own bindings stand behind the kernel's: their numbers, if there are any, then their memory. */
function addedBindings(
  { bindings }: Kernel,
  context: HookContext,
): { numbers: number | undefined; memory: BoundMemory[] } {
  const next = Math.max(-1, ...bindings.map((b) => b.index)) + 1;
  const first = context.usesNumbers ? next + 1 : next;
  return {
    numbers: context.usesNumbers ? next : undefined,
    memory: context.bindings.map(({ memory, access }, i) => ({ binding: first + i, access, memory })),
  };
}

/** What it reads by vectors of four f32, in its kernel or in its hooks. */
function readByFours({ kernel, aliases = {}, context }: DispatchParts, added: readonly BoundMemory[]): Set<number> {
  const { source, bindings } = kernel;
  const elementOf = ({ type }: Binding): string => {
    const name = /^array<(.+)>$/.exec(type)?.[1] ?? "";
    return aliases[name] ?? new RegExp(`^alias ${name}\\s*=\\s*([^;]+);`, "m").exec(source)?.[1] ?? name;
  };
  const own = bindings.filter((b) => b.access === "read" && elementOf(b) === FOUR);
  const hooks = added.filter(({ access }, i) => access === "read" && context.bindings[i]!.type === FOUR);
  return new Set([...own.map((b) => b.index), ...hooks.map((m) => m.binding)]);
}

const FOUR = "vec4<f32>";

/** Modules that were written last, by their kernels' texts: a plan asks for equal ones again and again. */
const written = new Map<string, Map<string, string>>();
const MOST_WRITTEN = 64;

function moduleOf(parts: DispatchParts, declared: Declared): string {
  const { kernel, consts, aliases, hooks, context } = parts;
  const modules = written.get(kernel.source) ?? new Map<string, string>();
  const { writable, texels, parts: through, dbg } = declared;
  const bound = context.bindings.map(({ name, type, access }) => [name, type, access]);
  const numbers = context.usesNumbers && context.numbers.length;
  const own = [consts, aliases, hooks, bound, numbers, context.functions];
  const key = JSON.stringify([own, [...writable], [...texels], through && [...through], dbg]);
  const module = modules.get(key) ?? writeModule(parts, declared);
  if (modules.size >= MOST_WRITTEN) modules.clear();
  written.set(kernel.source, modules.set(key, module));
  return module;
}

/** The WGSL of a dispatch: seams and hooks filled, what the hooks need declared at the end. */
function writeModule(
  { kernel, consts = {}, aliases = {}, context, hooks = {} }: DispatchParts,
  declared: Declared,
): string {
  const added = addedBindings(kernel, context);
  const append: string[] = [];
  if (added.numbers !== undefined) {
    const vectors = context.numbers.length / 4;
    append.push(`@group(0) @binding(${added.numbers}) var<uniform> k : array<vec4<u32>, ${vectors}>;`);
  }
  added.memory.forEach(({ binding, access }, i) => {
    const { name, type } = context.bindings[i]!;
    append.push(declaration(binding, access, { name, type: `array<${type}>` }, declared.writable));
  });
  append.push(...Object.values(context.functions));
  const module = specialize(sourceWith(kernel, declared), {
    consts,
    aliases,
    hooks,
    append: append.length ? append.join("\n") : undefined,
    dbg: declared.dbg,
  });
  const textures = [
    ...kernel.bindings.map(({ index, name }) => ({ binding: index, name })),
    ...added.memory.map(({ binding }, i) => ({ binding, name: context.bindings[i]!.name })),
  ].filter(({ binding }) => declared.texels.has(binding));
  const parted = declared.parts ? horizontal.brought!.rewrite(module, declared.parts) : module;
  const text = textures.length > 0 ? llvmpipe.brought!.rewrite(parted, textures) : parted;
  // The directive stands only where half precision is stored: other devices refuse it.
  const types = [...Object.values(aliases), ...context.bindings.map((b) => b.type)];
  return types.some(isHalfType) || hasHalfFactors(kernel) ? `enable f16;\n${text}` : text;
}

function declaration(
  binding: number,
  access: "read" | "read_write",
  { name, type }: Pick<Binding, "name" | "type">,
  writable: ReadonlySet<number> = new Set(),
): string {
  return `@group(0) @binding(${binding}) var<storage, ${writable.has(binding) ? "read_write" : access}> ${name} : ${type};`;
}

const isHalfType = (type: string): boolean => type === "f16" || type === "vec4<f16>";

/** Whether the WGSL of a kernel for tensor cores is that of f16 factors. */
const hasHalfFactors = ({ source }: Kernel): boolean => /^alias T\s*=\s*f16;/m.test(source);

/** A kernel's WGSL in which what is read and must be writable is declared so. */
function sourceWith({ name, source, bindings }: Kernel, { writable }: Declared): string {
  let text = source;
  for (const b of bindings) {
    if (b.access !== "read" || !writable.has(b.index)) continue;
    const line = declaration(b.index, "read", b);
    if (!text.includes(line)) throw new Error(`internal: kernel ${name} has no ${line}`);
    text = text.replace(line, declaration(b.index, "read", b, writable));
  }
  return text;
}

/** Workgroup counts; invocations beyond 65,535 groups go on in y. */
function workgroupsOf(kernel: Kernel, params: Params, consts: Consts): readonly [number, number, number] {
  if (kernel.workgroups) return kernel.workgroups(params, consts);
  const groups = Math.max(1, Math.ceil(kernel.threads!(params, consts) / THREADS));
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}
