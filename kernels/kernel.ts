// A kernel is a WGSL file that compiles alone, and the few facts the host needs about it.
// Bindings, the Params struct, workgroup size and seams are read from the WGSL, so each is said once.

/** What the host may know of a device when it chooses a kernel. */
export interface Traits {
  /** A software adapter: workgroup memory and barriers cost far more than they save. */
  readonly cpu: boolean;
  readonly f16: boolean;
  readonly subgroups: boolean;
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

/** Values of the fields of a kernel's `Params` struct, by name. Also the problem that `fits` judges. */
export type Params = Readonly<Record<string, number>>;
export type Consts = Readonly<Record<string, number | boolean>>;

export interface Binding {
  readonly index: number;
  readonly name: string;
  readonly access: "uniform" | "read" | "read_write";
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
  readonly params: readonly Field[];
  readonly constNames: readonly string[];
  readonly aliases: readonly string[];
  readonly hooks: readonly string[];
}

export interface KernelSpec {
  readonly source: string;
  /** Values worth trying for `const` seams, the default first. Every combination must compile. */
  readonly tunables?: Readonly<Record<string, readonly number[]>>;
  /** Seam values that follow from the problem (a switch such as REFLECT), not from taste. */
  readonly consts?: (p: Params, traits: Traits) => Consts;
  /** Whether the kernel can do this problem on this device. Always, if absent. */
  readonly fits?: (p: Params, traits: Traits) => boolean;
  /** Invocations needed (folded over x and y by the dispatcher), or explicit workgroup counts. */
  readonly threads?: (p: Params, c: Consts) => number;
  readonly workgroups?: (p: Params, c: Consts) => readonly [number, number, number];
  /** Least work: floating-point operations and bytes moved, for the roofline. */
  readonly cost?: (p: Params) => { flops: number; bytes: number };
  /**
   * Where TALLY is set, its hook `tally` is given statistics of so many pixels at a time, tiles in order, the last
   * what is left.
   */
  readonly tally?: number;
}

export interface Kernel extends KernelSpec, Reflection {
  readonly name: string;
  /** Values of one component of the hook's type `F`: 1 for f32, 4 for vec4<f32>. */
  readonly width: 1 | 4;
}

/** Declares a kernel from its WGSL and host facts; throws if a tunable names no seam. */
export function defineKernel(name: string, spec: KernelSpec): Kernel {
  const reflection = reflect(spec.source);
  for (const t of Object.keys(spec.tunables ?? {})) {
    if (!reflection.constNames.includes(t)) throw new Error(`kernel ${name}: tunable ${t} is no const of its WGSL`);
  }
  if (!spec.threads === !spec.workgroups) throw new Error(`kernel ${name}: give either threads or workgroups`);
  const width = /^alias F = vec4<f32>;/m.test(spec.source) ? 4 : 1;
  return { name, width, ...spec, ...reflection };
}

const withoutComments = (wgsl: string): string => wgsl.replace(/\/\/.*$/gm, "");

/** Reads bindings, Params fields and seams (module-scope const, alias, and `// hook` functions) from WGSL. */
export function reflect(wgsl: string): Reflection {
  const code = withoutComments(wgsl);
  const bindings: Binding[] = [];
  const re =
    /@group\(0\)\s*@binding\((\d+)\)\s*var<(uniform|storage(?:\s*,\s*(read_write|read))?)>\s*(\w+)\s*:\s*([^;]+);/g;
  for (const m of code.matchAll(re)) {
    const access = m[2] === "uniform" ? "uniform" : ((m[3] ?? "read") as "read" | "read_write");
    bindings.push({ index: Number(m[1]), access, name: m[4], type: m[5].trim() });
  }
  bindings.sort((a, b) => a.index - b.index);
  const struct = /struct\s+Params\s*\{([^}]*)\}/.exec(code);
  const params = [...(struct?.[1] ?? "").matchAll(/(\w+)\s*:\s*(u32|i32|f32)/g)].map(
    (m) => ({ name: m[1], type: m[2] }) as Field,
  );
  return {
    bindings,
    params,
    constNames: [...code.matchAll(/^const\s+(\w+)/gm)].map((m) => m[1]),
    aliases: [...code.matchAll(/^alias\s+(\w+)/gm)].map((m) => m[1]),
    hooks: [...wgsl.matchAll(/^\/\/ hook[^\n]*\nfn (\w+)\(/gm)].map((m) => m[1]),
  };
}

export interface Specialization {
  readonly consts?: Consts;
  readonly aliases?: Readonly<Record<string, string>>;
  /** Replacement for a hook: the whole function, `fn name(…) -> F { … }`, and what else it needs at module scope. */
  readonly hooks?: Readonly<Record<string, string>>;
  /** Module-scope text appended at the end: extra bindings and helper functions of the hooks. */
  readonly append?: string;
}

const literal = (before: string, value: number | boolean): string => {
  if (typeof value === "boolean") return String(value);
  if (/u\s*$/.test(before)) return `${value}u`;
  if (/^\s*(true|false)\s*$/.test(before)) return value ? "true" : "false";
  return /[.]/.test(before) && Number.isInteger(value) ? `${value}.0` : String(value);
};

/** The WGSL text with its seams rewritten; throws if a named seam does not exist. */
export function specialize(source: string, s: Specialization): string {
  let text = source;
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

/** Packs Params values in the order of the struct, 16-byte padded; throws on a missing or unknown field. */
export function packParams(kernel: Pick<Kernel, "name" | "params">, values: Params): ArrayBuffer {
  const bytes = new ArrayBuffer(Math.max(16, Math.ceil(kernel.params.length / 4) * 16));
  const view = new DataView(bytes);
  kernel.params.forEach((field, i) => {
    const v = values[field.name];
    if (v === undefined) throw new Error(`kernel ${kernel.name}: Params.${field.name} has no value`);
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
