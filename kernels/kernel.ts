// A kernel is a WGSL file that compiles alone, and the few facts the host needs about it.
// Bindings, the Params struct, workgroup size and seams are read from the WGSL, so each is declared once.

/** What the host may know of a device when it chooses a kernel. */
export interface Traits {
  /** A software adapter: workgroup memory and barriers cost far more than they save. */
  readonly cpu: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
  /** Invocations that every subgroup has at least; kernels that share loads believe it. */
  readonly lanes?: number;
  /** A storage texture is read in a fraction of the time that a buffer takes: by llvmpipe (docs/decisions/0018). */
  readonly texels?: boolean;
  /** 3 × 3 convolutions by Winograd wherever it can do them (true) or nowhere (false); if absent, where it pays. */
  readonly winograd?: boolean;
  /**
   * Products of small matrices by subgroups of `lanes` invocations (tensor cores), sums in f32, by the type of their
   * factors.
   */
  readonly matrix?: {
    readonly f16?: MatrixSize;
    readonly f32?: MatrixSize;
    readonly lanes: readonly [min: number, max: number];
  };
}
/** m × k times k × n. */
export interface MatrixSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** `count` elements of a tensor from `first` on. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** What one binding holds, in elements. */
export interface BindingRoom {
  readonly most: number;
  /** A binding starts at a multiple of this power of two. */
  readonly align: number;
}

/**
 * A problem by names, as the engine carries it from an op to a kernel; each family types its own (`ConvProblem`).
 * Those names that a kernel's WGSL struct `Params` has fill its uniform, a switch as 0 or 1.
 */
export type Params = Readonly<Record<string, number | boolean>>;
/** Values of `const` seams, by name. */
export type Consts = Readonly<Record<string, number | boolean>>;

export interface Binding {
  readonly index: number;
  readonly name: string;
  readonly access: "uniform" | "read" | "read_write";
  /** WGSL type of the variable, as written. */
  readonly type: string;
}

export interface TextureBinding {
  readonly index: number;
  readonly name: string;
  /** WGSL type of the variable, as written. */
  readonly type: string;
}

export interface Field {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** What a WGSL module says of itself. */
export interface Reflection {
  readonly bindings: readonly Binding[];
  readonly textures: readonly TextureBinding[];
  readonly params: readonly Field[];
  readonly constNames: readonly string[];
  readonly aliases: readonly string[];
  readonly hooks: readonly string[];
}

/** What the host knows of a kernel beyond its WGSL: `P` is its problem, `D` what a dispatch gets of it. */
export interface KernelSpec<P = Params, D = P> {
  readonly source: string;
  /** Values worth trying for `const` seams, the default first. Every combination must compile. */
  readonly tunables?: Readonly<Record<string, readonly number[]>>;
  /** Seam values that follow from the problem (a switch such as REFLECT), not from taste. */
  consts?(p: P, traits: Traits): Consts;
  /** Whether the kernel can do this problem on this device. Always, if absent. */
  fits?(p: P, traits: Traits): boolean;
  /** Invocations needed; the dispatcher folds them over x and y. Either this or `workgroups` is given. */
  threads?(d: D, c: Consts): number;
  /** Workgroup counts. */
  workgroups?(d: D, c: Consts): readonly [number, number, number];
  /** Least work: floating-point operations and bytes moved, for the roofline. */
  cost?(d: D): { flops: number; bytes: number };
  /**
   * Pixels of a tile, where the kernel can tally: with TALLY set, its hook `tally` is given statistics of so many
   * pixels at a time, tiles in order; the last tile is what is left.
   */
  readonly tally?: number;
}

export interface Kernel<P = Params, D = P> extends KernelSpec<P, D>, Reflection {
  readonly name: string;
  /** Values of one component of the hook's type `F`: 1 for f32, 4 for vec4<f32>. */
  readonly width: 1 | 4;
}

/** Puts kernels before the others of a family, which are taken in that order, once. */
export function prefer(family: Kernel[], ...first: readonly Kernel[]): void {
  if (!family.includes(first[0]!)) family.unshift(...first);
}

/** Declares a kernel from its WGSL and host facts; throws if a tunable names no seam. */
export function defineKernel<P = Params, D = P>(name: string, spec: KernelSpec<P, D>): Kernel<P, D> {
  const reflection = reflect(spec.source);
  for (const t of Object.keys(spec.tunables ?? {})) {
    if (!reflection.constNames.includes(t)) throw new Error(`kernel ${name}: tunable ${t} is no const of its WGSL`);
  }
  if (!spec.threads === !spec.workgroups) throw new Error(`kernel ${name}: give either threads or workgroups`);
  const width = /^alias F\s*=\s*vec4<f32>;/m.test(spec.source) ? 4 : 1;
  return { name, width, ...spec, ...reflection };
}

const withoutComments = (wgsl: string): string => wgsl.replace(/\/\/.*$/gm, "");

/** Reads bindings, Params fields and seams (module-scope const, alias, and `// hook` functions) from WGSL. */
export function reflect(wgsl: string): Reflection {
  const code = withoutComments(wgsl);
  const bindings: Binding[] = [];
  const re =
    /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage(?:\s*,\s*(read_write|read))?)>\s*(\w+)\s*:\s*([^;]+);/g;
  for (const [, index, space, access = "read", name = "", type = ""] of code.matchAll(re)) {
    bindings.push({
      index: Number(index),
      access: space === "uniform" ? "uniform" : (access as "read" | "read_write"),
      name,
      type: type.trim(),
    });
  }
  bindings.sort((a, b) => a.index - b.index);
  const textures = [...code.matchAll(/@group\(0\)\s*@binding\((\d+)\)\s*var\s+(\w+)\s*:\s*([^;]+);/g)].map(
    ([, index, name = "", type = ""]) => ({ index: Number(index), name, type: type.trim() }),
  );
  const struct = /struct\s+Params\s*\{([^}]*)\}/.exec(code);
  const params = [...(struct?.[1] ?? "").matchAll(/(\w+)\s*:\s*(u32|i32|f32)/g)].map(
    ([, name, type]) => ({ name, type }) as Field,
  );
  const namesOf = (re: RegExp, text = code): string[] => [...text.matchAll(re)].map(([, name = ""]) => name);
  return {
    bindings,
    textures,
    params,
    constNames: namesOf(/^const\s+(\w+)/gm),
    aliases: namesOf(/^alias\s+(\w+)/gm),
    hooks: namesOf(/^\/\/ hook[^\n]*\nfn (\w+)\(/gm, wgsl),
  };
}

/** A type as its alias in a text defines it, or as it is. */
export const resolved = (wgsl: string, type: string): string =>
  new RegExp(`^alias ${type}\\s*=\\s*([^;]+);`, "m").exec(wgsl)?.[1] ?? type;

export interface Specialization {
  readonly consts?: Consts;
  readonly aliases?: Readonly<Record<string, string>>;
  /** Replacements of hooks: the whole function, `fn name(…) -> F { … }`, and what else it needs at module scope. */
  readonly hooks?: Readonly<Record<string, string>>;
  /** Module-scope text appended at the end: extra bindings and helper functions of the hooks. */
  readonly append?: string;
  /** Whether calls of `dbg`, a line each, stay for the lab to fill in; they are dropped otherwise. */
  readonly dbg?: boolean;
}

const literal = (before: string, value: number | boolean): string => {
  if (typeof value === "boolean") return String(value);
  if (/u\s*$/.test(before)) return `${value}u`;
  if (/^\s*(true|false)\s*$/.test(before)) return value ? "true" : "false";
  return /[.]/.test(before) && Number.isInteger(value) ? `${value}.0` : String(value);
};

/** The WGSL text with its seams rewritten; throws if a named seam does not exist. */
export function specialize(source: string, s: Specialization): string {
  let text = s.dbg ? source : source.replace(/^[ \t]*dbg\(.*/gm, "");
  const rewrite = (what: string, re: RegExp, by: (...m: string[]) => string): void => {
    if (!re.test(text)) throw new Error(`WGSL has no seam ${what}`);
    text = text.replace(re, by as never);
  };
  for (const [name, value] of Object.entries(s.consts ?? {})) {
    rewrite(
      `const ${name}`,
      new RegExp(`^const ${name}((?:\\s*:\\s*\\w+)?)\\s*=\\s*([^;]+);`, "m"),
      (_, type, old) => `const ${name}${type} = ${literal(old, value)};`,
    );
  }
  for (const [name, type] of Object.entries(s.aliases ?? {})) {
    rewrite(`alias ${name}`, new RegExp(`^alias ${name}\\s*=\\s*[^;]+;`, "m"), () => `alias ${name} = ${type};`);
  }
  for (const [name, fn] of Object.entries(s.hooks ?? {})) {
    rewrite(`hook ${name}`, new RegExp(`^fn ${name}\\([^\\n]*$`, "m"), () => fn);
  }
  return s.append ? `${text}\n${s.append}` : text;
}

/** The uniform: the fields of the struct `Params` in its order, 16-byte padded; throws where a field has no value. */
export function packParams(kernel: Pick<Kernel, "name" | "params">, values: Params): ArrayBuffer {
  const bytes = new ArrayBuffer(Math.max(16, Math.ceil(kernel.params.length / 4) * 16));
  const view = new DataView(bytes);
  kernel.params.forEach((field, i) => {
    const value = values[field.name];
    if (value === undefined)
      throw new Error(
        `kernel ${kernel.name}: Params.${field.name} has no value; the problem that its op's lower gives has ` +
          `${Object.keys(values).join(", ")}: name ${field.name} there, or leave it out of the kernel`,
      );
    const v = Number(value);
    if (field.type === "f32") view.setFloat32(4 * i, v, true);
    else if (field.type === "i32") view.setInt32(4 * i, v, true);
    else {
      if (!(v >= 0 && v <= 0xffffffff))
        throw new Error(`kernel ${kernel.name}: Params.${field.name} = ${v} does not fit in u32`);
      view.setUint32(4 * i, v, true);
    }
  });
  return bytes;
}
