// The text of a module that does the work of several dispatches in one: parts that differ by their numbers, by the
// elements at which their tensors begin in the buffers that all share, and by how many workgroups they are.
import { type Field, reflect, resolved } from "../../kernels/kernel.ts";
import { hasOnlyElements, withElements } from "./elements.ts";

/** Parts that one dispatch has at most. */
export const MOST_PARTS = 8;
/** Vectors at the start of the uniform: behind which workgroup, counted along z, each part ends. */
const ENDS = MOST_PARTS / 4;
/** Bytes of a uniform, on every device. */
const UNIFORM_BYTES = 2 ** 16;
/** Where parts that are not there end. */
const NEVER = 0xffffffff;

/** What differs between the parts of one dispatch. */
export interface Part {
  readonly workgroups: readonly [number, number, number];
  /** For each binding the element at which the part's tensor begins. */
  startOf(binding: number): number;
  /** The uniform that a binding of the text had. */
  uniform(binding: number): ArrayBuffer;
}

/** What a module's text has in place of its uniforms, and where each part's numbers stand there, in words. */
interface Layout {
  /** The uniform's binding. */
  readonly binding: number;
  /** Bindings of storage, in the order of their starts. */
  readonly storage: readonly StorageBinding[];
  readonly params: { readonly binding: number; readonly fields: readonly Field[]; readonly at: number } | undefined;
  readonly numbers: { readonly binding: number; readonly vectors: number; readonly at: number } | undefined;
  /** Vectors of a part. */
  readonly vectors: number;
  readonly canHaveParts: boolean;
}

interface StorageBinding {
  readonly index: number;
  readonly name: string;
  /** Type of its elements, without aliases. */
  readonly element: string;
}

const vectorsOf = (words: number): number => Math.ceil(words / 4);

/** Layouts of the latest texts: a plan asks for each again and again. */
const layouts = new Map<string, Layout>();
const MOST_LAYOUTS = 1024;

function layoutOf(wgsl: string): Layout {
  const known = layouts.get(wgsl);
  if (known) return known;
  if (layouts.size >= MOST_LAYOUTS) layouts.clear();
  const layout = readLayout(wgsl);
  layouts.set(wgsl, layout);
  return layout;
}

// Packed kernels have no spaces beside signs.
const MAIN = /^fn main\(([^{]*)\)\s*\{/m;
const VECTORS = /^array<vec4<u32>, (\d+)>$/;
const ARRAY = /^array<(.+)>$/;

function readLayout(wgsl: string): Layout {
  const { bindings, textures, params: fields } = reflect(wgsl);
  const uniforms = bindings.filter((b) => b.access === "uniform");
  const storage = bindings
    .filter((b) => b.access !== "uniform")
    .map(({ index, name, type }) => ({ index, name, element: meant(wgsl, ARRAY.exec(type)?.[1] ?? type) }));
  const params = uniforms.find((b) => b.type === "Params");
  const numbers = uniforms.find((b) => b !== params);
  const paramsAt = 1 + vectorsOf(storage.length);
  const numbersAt = paramsAt + (params ? vectorsOf(fields.length) : 0);
  const vectors = Number(VECTORS.exec(numbers?.type ?? "")?.[1] ?? 0);
  const [, builtins = ""] = MAIN.exec(wgsl) ?? [];
  return {
    binding: Math.max(...bindings.map((b) => b.index)) + 1,
    storage,
    params: params && { binding: params.index, fields, at: 4 * paramsAt },
    numbers: numbers && { binding: numbers.index, vectors, at: 4 * numbersAt },
    vectors: numbersAt + vectors,
    canHaveParts:
      textures.length === 0 &&
      /@workgroup_size\(\s*\w+\s*\)/.test(wgsl) &&
      /@builtin\((workgroup_id|global_invocation_id)\)/.test(builtins) &&
      !/\bpart_/.test(wgsl) &&
      16 * (ENDS + MOST_PARTS * (numbersAt + vectors)) <= UNIFORM_BYTES &&
      uniforms.every((b) => b === params || (b === numbers && vectors > 0)) &&
      storage.every(({ name, element }) => bytesOf(element) !== undefined && hasOnlyElements(wgsl, name)),
  };
}

/** A type without aliases. */
function meant(wgsl: string, type: string): string {
  const aliased = resolved(wgsl, type);
  return aliased === type ? type : meant(wgsl, aliased);
}

const SCALAR_BYTES: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, f16: 2 };

function bytesOf(type: string): number | undefined {
  const [, columns = "1", rows = "1", scalar = type] = /^(?:vec|mat(4)x)([24])<(\w+)>$/.exec(type) ?? [];
  const bytes = SCALAR_BYTES[scalar];
  return bytes && Number(columns) * Number(rows) * bytes;
}

/** Whether `withParts` knows what a module does: its storage is read and written by elements alone, one in a line. */
export const canHaveParts = (wgsl: string): boolean => layoutOf(wgsl).canHaveParts;

/** The type of the elements of a module's storage, without aliases. */
export const elementType = (wgsl: string, binding: number): string =>
  layoutOf(wgsl).storage.find((b) => b.index === binding)!.element;

export const elementBytes = (wgsl: string, binding: number): number => bytesOf(elementType(wgsl, binding))!;

/** The binding of the uniform that a module with parts has instead of its own. */
export const partsBinding = (wgsl: string): number => layoutOf(wgsl).binding;

/** Bindings of storage that go through another, which is of the same type and may be written: both are in one buffer. */
export type Through = ReadonlyMap<number, number>;

/** A module as one that has parts. Lines stay where they are, but for what is behind the last. */
export function withParts(wgsl: string, through: Through): string {
  const layout = layoutOf(wgsl);
  const { storage, params, numbers, vectors, binding } = layout;
  const own = new Set([params?.binding, numbers?.binding]);
  const declared = wgsl.replace(
    /^@group\(0\) @binding\((\d+)\) var<(\w+)[^>]*> (\w+) : ([^;]+);/gm,
    (line, index: string, space: string, name: string, type: string) => {
      if (space === "uniform") return own.has(Number(index)) ? `var<private> ${name} : ${type};` : line;
      return through.has(Number(index)) ? "" : line;
    },
  );
  const names = storage.map(({ name }) => name);
  const arrays = new Map(
    storage.map(({ index, name }) => [name, storage.find((b) => b.index === (through.get(index) ?? index))!.name]),
  );
  const moved = names.length
    ? withElements(declared, names, (name, index) => `${arrays.get(name)}[part_${name} + u32(${index})]`)
    : declared;
  const text = moved.replace(MAIN, (_, builtins: string) => mainOf(builtins, layout));
  return [
    text,
    `@group(0) @binding(${binding}) var<uniform> part_numbers : array<vec4<u32>, ${ENDS + MOST_PARTS * vectors}>;`,
    ...names.map((name) => `var<private> part_${name} : u32;`),
  ].join("\n");
}

/** The function's head, and the statements that find the part and what it has, in its line. */
function mainOf(builtins: string, { storage, params, numbers, vectors }: Layout): string {
  const nameOf = (builtin: string): string | undefined =>
    new RegExp(`@builtin\\(${builtin}\\)\\s*(\\w+)`).exec(builtins)?.[1];
  const [group, thread, groups] = ["workgroup_id", "global_invocation_id", "num_workgroups"].map(nameOf);
  const renamed = [group, thread, groups].reduce<string>(
    (text, name) => (name ? text.replace(new RegExp(`(\\)\\s*)${name}\\b`), `$1part_of_${name}`) : text),
    builtins,
  );
  const added = group ? "" : ", @builtin(workgroup_id) part_group : vec3<u32>";
  const at = group ? `part_of_${group}` : "part_group";
  const vector = (v: number): string => `part_numbers[part_at + ${v}u]`;
  const word = (i: number, type = "u32"): string => {
    const text = `part_${i >> 2}.${"xyzw".charAt(i & 3)}`;
    return type === "u32" ? text : `bitcast<${type}>(${text})`;
  };
  const ends = Array.from(
    { length: MOST_PARTS - 1 },
    (_, i) => `u32(${at}.z >= part_ends${i >> 2}.${"xyzw".charAt(i & 3)})`,
  );
  const behind = (name: string): string => `vec3<u32>(part_of_${name}.xy, part_of_${name}.z - part_0.x)`;
  const firstNumbers = (numbers?.at ?? 4 * vectors) / 4;
  return [
    `fn main(${renamed}${added}) {`,
    ...Array.from({ length: ENDS }, (_, v) => `let part_ends${v} = part_numbers[${v}];`),
    `let part_at = ${ENDS}u + ${vectors}u * (${ends.join(" + ")});`,
    ...Array.from({ length: firstNumbers }, (_, v) => `let part_${v} = ${vector(v)};`),
    `if (any(${at}.xy >= part_0.yz)) { return; }`,
    ...(group ? [`let ${group} = ${behind(group)};`] : []),
    ...(thread ? [`let ${thread} = ${behind(thread)};`] : []),
    ...(groups ? [`let ${groups} = part_0.yzw;`] : []),
    ...storage.map(({ name }, i) => `part_${name} = ${word(4 + i)};`),
    // Local values are uniform, as WGSL's barriers ask for; those of the module are for its functions.
    ...(params
      ? [
          `let part_params = Params(${params.fields.map(({ type }, i) => word(params.at + i, type)).join(", ")});`,
          "params = part_params;",
          "let params = part_params;",
        ]
      : []),
    ...Array.from({ length: numbers?.vectors ?? 0 }, (_, i) => `k[${i}] = ${vector(firstNumbers + i)};`),
  ].join(" ");
}

/** The workgroups of one dispatch that does these parts. */
export const gridOf = (parts: readonly Pick<Part, "workgroups">[]): [number, number, number] => [
  Math.max(...parts.map((p) => p.workgroups[0])),
  Math.max(...parts.map((p) => p.workgroups[1])),
  parts.reduce((n, p) => n + p.workgroups[2], 0),
];

/** The uniform of a dispatch with parts; `wgsl` is the text without. */
export function packParts(wgsl: string, parts: readonly Part[]): ArrayBuffer {
  const { storage, params, numbers, vectors } = layoutOf(wgsl);
  const words = new Uint32Array(4 * (ENDS + MOST_PARTS * vectors));
  words.fill(NEVER, 0, 4 * ENDS);
  let end = 0;
  parts.forEach((part, p) => {
    const at = 4 * (ENDS + p * vectors);
    words.set([end, ...part.workgroups], at);
    end += part.workgroups[2];
    words[p] = end;
    words.set(
      storage.map(({ index }) => part.startOf(index)),
      at + 4,
    );
    for (const uniform of [params, numbers])
      if (uniform) words.set(new Uint32Array(part.uniform(uniform.binding)), at + uniform.at);
  });
  return words.buffer;
}
