// The dict of tensors among what else a file's object holds: epochs, optimizers, notes.
import { DataError } from "../errors.ts";
import { Opaque, SAVE_ALONE, notListed } from "./pickle.ts";
import { StoredTensor } from "./torch-object.ts";

export interface FoundStateDict {
  readonly dict: ReadonlyMap<string, StoredTensor>;
  /** Where it stood: "state_dict", "a.b", or "" where it is the object itself. */
  readonly key: string;
}

/** Names under which state dicts usually stand, the likeliest first. */
const KEYS = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "params_ema",
  "params",
  "weights",
  "module",
];
const MAX_DEPTH = 4;

/**
 * The dict of tensors at `key`, or the object itself, or the only one, or the first at a usual name. `unread` names
 * what else the object is made of. Throws DataError where there is none, no telling which, or a tensor in it is opaque.
 */
export function findStateDict(
  object: unknown,
  unread: ReadonlySet<string>,
  file: string,
  key?: string,
): FoundStateDict {
  const candidates = dictsOfTensors(object);
  const chosen = key ?? usualKey(candidates);
  const dict = chosen === undefined ? undefined : candidates.get(chosen);
  if (chosen !== undefined && dict) {
    refuseOpaqueTensors(dict, file);
    return { dict: tensorsOf(dict), key: chosen };
  }
  if (candidates.size === 0) {
    const [name] = unread;
    const problem = name === undefined ? "" : `, and ${notListed(name)}`;
    throw new DataError(file, "content", `holds no dict of tensors${problem}`, SAVE_ALONE);
  }
  const problem = key === undefined ? "holds several dicts of tensors" : `holds no dict of tensors under ${key}`;
  const names = [...candidates.keys()].slice(0, 8).map((name) => name || "the object itself");
  throw new DataError(file, "content", `${problem}: ${names.join(", ")}`, "name one by --key");
}

function usualKey(candidates: ReadonlyMap<string, unknown>): string | undefined {
  if (candidates.has("")) return "";
  if (candidates.size === 1) return [...candidates.keys()][0];
  const pairs = KEYS.flatMap((outer) => KEYS.map((inner) => `${outer}.${inner}`));
  return [...KEYS, ...pairs].find((k) => candidates.has(k));
}

/** The outermost dicts that hold tensors, by their path in the object, a dot between names. */
function dictsOfTensors(object: unknown): Map<string, ReadonlyMap<unknown, unknown>> {
  const found = new Map<string, ReadonlyMap<unknown, unknown>>();
  const seen = new Set<unknown>();
  const search = (value: unknown, path: string, depth: number): void => {
    if (!(value instanceof Map) || seen.has(value) || depth > MAX_DEPTH) return;
    seen.add(value);
    if (tensorsOf(value).size > 0) {
      found.set(path, value);
      return;
    }
    for (const [name, inner] of value as ReadonlyMap<unknown, unknown>)
      if (typeof name === "string") search(inner, path ? `${path}.${name}` : name, depth + 1);
  };
  search(object, "", 0);
  return found;
}

/** The dict's tensors; what else it holds is left out. */
function tensorsOf(dict: ReadonlyMap<unknown, unknown>): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of dict)
    if (typeof name === "string" && value instanceof StoredTensor) tensors.set(name, value);
  return tensors;
}

/** PyTorch's makers of tensors, and storages, that are not read. */
const TENSOR_MAKER = /^torch\.(_utils|_tensor)\.|^torch\.\w*Storage$/;

/** Throws DataError where a tensor of the dict is of a kind that is not read: it must not be missed in silence. */
function refuseOpaqueTensors(dict: ReadonlyMap<unknown, unknown>, file: string): void {
  for (const [name, value] of dict) {
    if (!(value instanceof Opaque && TENSOR_MAKER.test(value.name))) continue;
    const problem = `is made by ${value.name}, which is not read`;
    throw new DataError(file, `tensor ${String(name)}`, problem, "save it as a dense tensor of real numbers");
  }
}
