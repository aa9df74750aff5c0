// What the hooks of one dispatch share: bindings, numbers and functions beside those of the kernel.
// Numbers that depend on shapes go into a uniform array `k`, so expressions of one structure share one pipeline.
import { type DType, wgslType } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import { type Memory, wholeOf } from "../fuse/memory.ts";

export interface HookBinding {
  readonly memory: Memory;
  readonly name: string;
  readonly type: string;
  readonly access: "read" | "read_write";
}

export class HookContext {
  readonly bindings: HookBinding[] = [];
  readonly functions: Record<string, string> = {};
  /** Names of the ops whose expressions are in the hooks. */
  readonly fused: string[] = [];
  /** Index expressions that hooks have, by what they walk. */
  readonly indices: Record<string, string> = {};
  readonly #numbers: number[] = [];
  #kept = 0;

  /** `runs`: for tensors that are not bound whole, the run that is. */
  constructor(
    readonly width: 1 | 4,
    readonly runs: ReadonlyMap<Tensor, Memory> = new Map(),
  ) {}

  /** WGSL of a u32 that the host supplies; negative values wrap as u32 arithmetic does. */
  number(value: number): string {
    const i = this.#numbers.push(value >>> 0) - 1;
    return `k[${i >> 2}].${"xyzw".charAt(i & 3)}`;
  }

  /** WGSL of an f32 that the host supplies. */
  float(value: number): string {
    const bits = new DataView(new ArrayBuffer(4));
    bits.setFloat32(0, value);
    return `bitcast<f32>(${this.number(bits.getUint32(0))})`;
  }

  /** One element of a tensor. A buffer is bound once, by ones or by fours: bindings are few. */
  element(tensor: Tensor, index: string): string {
    const fours = this.#bound(tensor, true);
    return fours ? `${fours}[(${index}) >> 2u][(${index}) & 3u]` : `${this.#buffer(tensor, false)}[${index}]`;
  }

  /** Four neighbouring elements, `quad` in units of four. */
  quad(tensor: Tensor, quad: string): string {
    const ones = this.#bound(tensor, false);
    if (!ones) return `${this.#buffer(tensor, true)}[${quad}]`;
    return `vec4<${wgslType(tensor.dtype)}>(${[0, 1, 2, 3].map((l) => `${ones}[4u * (${quad}) + ${l}u]`).join(", ")})`;
  }

  /** Binds a tensor that will be read by fours before anything reads it by ones. */
  bindByFours(tensor: Tensor): void {
    if (!this.#bound(tensor, false)) this.#buffer(tensor, true);
  }

  #bound(tensor: Tensor, byFours: boolean): string | undefined {
    return this.bindings.find((b) => b.memory.content === tensor && b.type.startsWith("vec4") === byFours)?.name;
  }

  #buffer(tensor: Tensor, byFours: boolean): string {
    const known = this.#bound(tensor, byFours);
    if (known) return known;
    const element = wgslType(tensor.dtype);
    return this.bind(this.runs.get(tensor) ?? wholeOf(tensor), byFours ? `vec4<${element}>` : element);
  }

  /** Adds a statement that keeps a value in a private variable, whose name it gives. */
  keep(lines: string[], value: string, dtype: DType): string {
    const name = `h${this.#kept++}`;
    this.functions[name] = `var<private> ${name} : ${registerType(dtype)};`;
    lines.push(`${name} = ${value};`);
    return name;
  }

  /** Binds a buffer that a hook of the host reads or writes itself: its elements' WGSL type; gives the name. */
  bind(memory: Memory, type: string, access: "read" | "read_write" = "read"): string {
    const name = `x${this.bindings.length}`;
    this.bindings.push({ memory, name, type, access });
    return name;
  }

  /** The contents of `k`, padded to whole vectors. */
  get numbers(): Uint32Array<ArrayBuffer> {
    const padded = new Uint32Array(Math.max(4, Math.ceil(this.#numbers.length / 4) * 4));
    padded.set(this.#numbers);
    return padded;
  }

  get usesNumbers(): boolean {
    return this.#numbers.length > 0;
  }
}

/** Alias of what a value is in a register. */
export function registerType(dtype: DType): "B" | "I" | "U" | "F" {
  switch (dtype) {
    case "bool":
      return "B";
    case "i32":
      return "I";
    case "u32":
      return "U";
    default:
      return "F";
  }
}
