// The values that a kernel's seams may take, as its comments and its declaration name them.
import { combinations } from "../choice.ts";
import { type Consts, type Kernel, type Specialization, reflect } from "../../kernels/kernel.ts";

/** A text as the host may rewrite it, and under which values. */
export interface Variant {
  readonly name: string;
  readonly seams: Specialization;
}

/**
 * Values that a const's seam may take: a bool's two, and the whole numbers its comment names ("0 sum, 1 max", "1 …
 * 4", "4 or 1").
 */
export function valuesOfSeam(line: string): (number | boolean)[] {
  const [, value, comment = ""] = /=\s*([^;]+);\s*\/\/ seam:?(.*)$/.exec(line) ?? [];
  if (value === undefined) return [];
  if (value === "true" || value === "false") return [true, false];
  const range = /\b(\d+) … (\d+)\b/.exec(comment);
  if (range) return Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => Number(range[1]) + i);
  return [...comment.matchAll(/(?<![\w.])(\d+)(?![\w.])/g)].map((m) => Number(m[1]));
}

/** Each seam's values by the const's name, from the text and from the tunables of the kernels made of it. */
function seamsOf(source: string, kernels: readonly Kernel[]): Map<string, Set<number | boolean>> {
  const seams = new Map<string, Set<number | boolean>>();
  for (const [line, name = ""] of source.matchAll(/^const (\w+).*\/\/ seam.*$/gm))
    seams.set(name, new Set(valuesOfSeam(line)));
  for (const { tunables = {} } of kernels)
    for (const [name, values] of Object.entries(tunables))
      seams.set(name, new Set([...(seams.get(name) ?? []), ...values]));
  return seams;
}

const WIDE: Readonly<Record<string, string>> = { I: "vec4<i32>", U: "vec4<u32>", B: "vec4<bool>" };

/** The text in the types that its aliases' comments allow: as it is, vec4, and f16 storage. */
function widthsOf(source: string): Variant[] {
  const aliases = new Map([...source.matchAll(/^alias (\w+)\s*=.*$/gm)].map(([line, name = ""]) => [name, line]));
  const isStorage = (name: string): boolean => aliases.get(name)!.includes("storage type");
  const variants: Variant[] = [{ name: "", seams: {} }];
  if (aliases.get("F")?.includes("seam: float, or vec4")) {
    const { hooks } = reflect(source);
    const wide = (names: readonly string[]): Record<string, string> =>
      Object.fromEntries(names.map((name) => [name, WIDE[name] ?? "vec4<f32>"]));
    const typed = [...aliases.keys()].filter((name) => !isStorage(name));
    const consts: Consts = /^const LANES\b/m.test(source) ? { LANES: 4 } : {};
    // Joined lanes make one number: what is stored, where that is a seam of its own, stays f32.
    const joins = hooks.includes("lanes");
    variants.push({
      name: "vec4",
      seams: {
        aliases: wide(typed.filter((name) => !(joins && name === "Y"))),
        consts,
        hooks: joins ? { lanes: "fn lanes(v : F) -> f32 { return v.x + v.y + v.z + v.w; }" } : {},
      },
    });
    if (joins && typed.includes("Y"))
      variants.push({ name: "vec4 lane by lane", seams: { aliases: wide(typed), consts, hooks: {} } });
  }
  // Storage in f16, at each width.
  for (const { name: width, seams } of [...variants]) {
    const half = [...aliases.keys()]
      .filter((name) => /^Elem4?$/.test(name))
      .map((name) => {
        const isVector = name === "Elem4" || (width.startsWith("vec4") && !isStorage(name));
        return [name, isVector ? "vec4<f16>" : "f16"];
      });
    if (half.length > 0)
      variants.push({
        name: [width, "f16"].filter(Boolean).join(", "),
        seams: { ...seams, aliases: { ...seams.aliases, ...Object.fromEntries(half) } },
      });
  }
  return variants;
}

/** Seams and their values in words: "KV = 4, Elem = f16". */
const told = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} = ${String(value)}`)
    .join(", ");

/** A file's text as it is, and with every value of each of its seams, in every type that it may have. */
export function variantsOfFile(source: string, kernels: readonly Kernel[]): Variant[] {
  const values = [...seamsOf(source, kernels)].flatMap(([name, set]) =>
    [...set].map((value): Consts => ({ [name]: value })),
  );
  return widthsOf(source).flatMap(({ name, seams }) =>
    [{}, ...values].map((consts) => ({
      name: [name, told(consts)].filter(Boolean).join(", "),
      seams: { ...seams, consts: { ...seams.consts, ...consts } },
    })),
  );
}

/** Storage types of a kernel: as it stands, and half precision where it has the seam. */
export function storagesOf({ source }: Pick<Kernel, "source">): Record<string, string>[] {
  const half = [...source.matchAll(/^alias (Elem4?|Word)\s*=\s*([^;]+);/gm)].map(([, name = "", type = ""]) => [
    name,
    type.replace("f32", "f16"),
  ]);
  return half.length > 0 ? [{}, Object.fromEntries(half)] : [{}];
}

/** A kernel at every combination of its tunables, in each type of its storage. */
export const variantsOfKernel = (kernel: Kernel): Variant[] =>
  storagesOf(kernel).flatMap((aliases) =>
    combinations(kernel).map((consts) => ({
      name: told({ ...aliases, ...consts }),
      seams: { aliases, consts },
    })),
  );
