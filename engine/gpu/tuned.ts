// What was found fastest on an adapter, as plain JSON: values of kernels' tunables, and kernels of an op's list.
import type { Consts, Kernel, Params, Traits } from "../../kernels/kernel.ts";

/**
 * Values of tunables by adapter, kernel and shape class (`tuningKey`), and names of kernels by adapter, list and shape
 * class (`choiceKey`). JSON: Node keeps it in a file, a page in IndexedDB.
 */
export type Tuned = Readonly<Record<string, Consts | string>>;

/** What a device asks before it takes what ships. */
export interface Tunings {
  tunables(
    place: TuningPlace,
    kernel: Kernel,
    params: Params,
    aliases: Readonly<Record<string, string>>,
  ): Consts | undefined;
  /** The name of a kernel of the list. */
  kernel(place: TuningPlace, kernels: readonly Kernel[], params: Params): string | undefined;
}

/** What `Device.open` takes of that JSON; nothing where it is empty. */
export function tunedBy(tuned: Tuned): Tunings | undefined {
  if (Object.keys(tuned).length === 0) return undefined;
  return {
    tunables: (place, kernel, params, aliases) =>
      kernel.tunables && (tuned[tuningKey(place, kernel, params, aliases)] as Consts | undefined),
    kernel: (place, kernels, params) => tuned[choiceKey(place, kernels, params)] as string | undefined,
  };
}

/** Where a kernel is tuned. */
export interface TuningPlace {
  /** With the driver's version, where the browser or Dawn tells it. */
  readonly adapterName: string;
  readonly traits: Traits;
}

/** Sizes up to this many stand as they are in a shape class: filters, strides and few channels decide. */
const EXACT = 16;

/**
 * Names one case: the adapter and its driver, the kernel and its text's hash, what it stores, the seams that its
 * problem sets (such as mirrored borders), and its Params, those above EXACT each rounded up to a power of two.
 */
export function tuningKey(
  { adapterName, traits }: TuningPlace,
  kernel: Kernel,
  params: Params,
  aliases: Readonly<Record<string, string>>,
): string {
  const shape = kernel.params
    .filter((f) => f.type === "u32" && !f.name.startsWith("chunk"))
    .map(({ name }) => name + classOf(params[name]!));
  const seams = Object.entries(kernel.consts?.(params, traits) ?? {})
    .filter(([name]) => !(name in (kernel.tunables ?? {})))
    .map(([name, value]) => `${name}=${value}`);
  const storage = Object.entries(aliases).map(([name, type]) => `${name}=${type}`);
  const of = [...(storage.length ? storage : ["f32"]), ...seams];
  return [adapterName, `${kernel.name} ${textHash(kernel.source)}`, of.join(" "), shape.join(" ")].join(" | ");
}

/**
 * Names one choice: the adapter, the kernels that an op chooses from and their texts' hash, and the problem's values by
 * their names, numbers in classes as in `tuningKey`.
 */
export function choiceKey({ adapterName }: TuningPlace, kernels: readonly Kernel[], params: Params): string {
  const names = kernels.map(({ name }) => name);
  const problem = Object.entries(params).map(([name, value]) => name + classOf(value));
  return [adapterName, `${names} ${textHash(kernels.map(({ source }) => source).join())}`, problem.join(" ")].join(
    " | ",
  );
}

const classOf = (value: number | boolean): number | boolean =>
  Number(value) > EXACT ? 2 ** Math.ceil(Math.log2(Number(value))) : value;

const hashes = new Map<string, string>();
/** FNV-1a of 32 bits: another text of a kernel is another kernel to time. */
function textHash(text: string): string {
  const known = hashes.get(text);
  if (known) return known;
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  const hash = (h >>> 0).toString(16).padStart(8, "0");
  hashes.set(text, hash);
  return hash;
}
