// Names of tensors without what wraps a network puts before them: DataParallel, torch.compile, averaged models, and
// modules of PyTorch Lightning.
import { ZOO } from "../../models/zoo.ts";

/** What stands before every name; a network of its own may begin with the others' words. */
const DATA_PARALLEL = "module.";
const LIGHTNING = "model.";
/** torch.compile's, which may stand within a name too: a part of a network can be compiled alone. */
const COMPILED = /(^|\.)_orig_mod\./g;
/** The count of averaged weights, which stands beside them (torch.optim.swa_utils.AveragedModel). */
const AVERAGED = "n_averaged";

/** The tensors under shorter names, and what was cut from these, in words; "" where nothing was. */
export interface Unwrapped<T> {
  readonly tensors: ReadonlyMap<string, T>;
  readonly cut: string;
}

/**
 * The tensors without the prefixes of wrappers. "module." and "_orig_mod." are always cut where they stand before all
 * names; "model." is only cut, and "module." within a name only, where what is left are names of a network known here
 * (`isKnown`), and the names before are not: networks of the CycleGAN repository begin with "model." themselves.
 */
export function unwrapped<T>(
  tensors: ReadonlyMap<string, T>,
  isKnown: (tensors: ReadonlyMap<string, T>) => boolean = hasKnownNames,
): Unwrapped<T> {
  const certain = withoutCertain({ tensors, cut: "" });
  const readings = [certain];
  for (let last = certain; ; ) {
    const shorter = withoutPrefix(last, LIGHTNING);
    if (!shorter) break;
    last = withoutCertain(shorter);
    readings.push(last);
  }
  const inner = renamed(certain, (name) => name.replaceAll(`.${DATA_PARALLEL}`, "."), DATA_PARALLEL);
  return [...readings, inner].find((reading) => isKnown(reading.tensors)) ?? certain;
}

/** Whether the dict has the first tensor of a network of the registry; of `model`, where it is given. */
export function hasKnownNames(tensors: ReadonlyMap<string, unknown>, model?: string): boolean {
  return Object.entries(ZOO)
    .filter(([name, { aliases = [] }]) => model === undefined || name === model || aliases.includes(model))
    .some(([, { firstTensor }]) => tensors.has(firstTensor));
}

/** The tensors whose names begin with `prefix`, without it. */
export const under = <T>(tensors: ReadonlyMap<string, T>, prefix: string): Map<string, T> =>
  new Map(
    [...tensors].flatMap(([name, t]): [string, T][] =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), t]] : [],
    ),
  );

/** Without the prefixes that no network has of its own. */
function withoutCertain<T>(from: Unwrapped<T>): Unwrapped<T> {
  let last = renamed(from, (name) => name.replace(COMPILED, "$1"), "_orig_mod.");
  for (let next = withoutPrefix(last, DATA_PARALLEL); next; next = withoutPrefix(last, DATA_PARALLEL)) last = next;
  return last;
}

/** Without a prefix of all names but the count of averaged weights; undefined where it is not one. */
function withoutPrefix<T>({ tensors, cut }: Unwrapped<T>, prefix: string): Unwrapped<T> | undefined {
  const names = [...tensors.keys()].filter((name) => name !== AVERAGED);
  if (names.length === 0 || !names.every((name) => name.startsWith(prefix))) return undefined;
  return { tensors: under(tensors, prefix), cut: cut + prefix };
}

/** With other names; as it was where that would give two tensors one name. */
function renamed<T>(from: Unwrapped<T>, rename: (name: string) => string, what: string): Unwrapped<T> {
  const tensors = new Map([...from.tensors].map(([name, t]) => [rename(name), t]));
  const isSame = [...from.tensors.keys()].every((name) => tensors.has(name));
  return isSame || tensors.size < from.tensors.size ? from : { tensors, cut: from.cut + what };
}
