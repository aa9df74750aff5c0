// Cases from disk to the slices that networks see, one volume in memory at a time: into memory, or into a cache.
import {
  type Load,
  type Loadable,
  type SliceLoadOptions,
  checkForeground,
  collectImageSlices,
  collectSlices,
  prepareLoaded,
  tellPrepared,
} from "../../data/collect-slices.ts";
import { DataError } from "../../data/errors.ts";
import type { SliceSet } from "../../data/slices.ts";
import type { Case, CaseImage } from "../../data/layouts/case.ts";
import { CachedSlices } from "./cached-slices.ts";
import { loadCase, loadImage } from "./load.ts";
import type { SliceCache } from "./slice-cache.ts";

/**
 * The training slices of many cases, one volume in memory at a time. Throws DataError as loadCase, and where every
 * mask is empty.
 */
export const loadSlices = (cases: readonly Case[], name: string, options: SliceLoadOptions): Promise<SliceSet> =>
  collectSlices(loadCase, cases, name, options);

/** All slices that show something of many images without masks; their masks are empty. Throws DataError. */
export const loadImageSlices = (
  cases: readonly CaseImage[],
  name: string,
  options: SliceLoadOptions,
): Promise<SliceSet> => collectImageSlices(loadImage, cases, name, options);

/**
 * The slices that loadSlices gives, kept in a cache: a case that was prepared there before, from the same bytes of
 * files and by the same settings, is not read again. Throws as loadSlices, and FileError where the cache can't be
 * written.
 */
export async function cacheSlices(
  cases: readonly Case[],
  name: string,
  cache: SliceCache,
  options: SliceLoadOptions,
): Promise<CachedSlices> {
  return collectCached(cases, loadCase, cache, { ...options, withMasks: true }, (slices) =>
    checkForeground(slices, cases.length, name, options),
  );
}

/** The slices that loadImageSlices gives, kept in a cache. Throws as cacheSlices. */
export async function cacheImageSlices(
  cases: readonly CaseImage[],
  name: string,
  cache: SliceCache,
  options: SliceLoadOptions,
): Promise<CachedSlices> {
  const alone = { ...options, negatives: "shown", withMasks: false } as const;
  return collectCached(cases, loadImage, cache, alone, ({ count }) => {
    if (count === 0) throw new DataError(name, "slices", "no slice shows anything", "check the images");
  });
}

async function collectCached<C extends Loadable>(
  cases: readonly C[],
  load: Load<C>,
  cache: SliceCache,
  /** `withMasks`: whether `load` reads masks. */
  options: SliceLoadOptions & { readonly withMasks: boolean },
  /** Throws where these slices can't be trained on; their files are closed then. */
  check: (slices: CachedSlices) => void,
): Promise<CachedSlices> {
  const { grid, negatives, seed, slices, fieldAt, rule, labels, withMasks } = options;
  const settings = { grid, negatives, seed, slices, fieldAt, rule, labels, masks: withMasks };
  const collected = new CachedSlices(grid.size);
  try {
    for (const [i, named] of cases.entries()) {
      const entry = await cache.entry({ case: named, settings }, () => prepareLoaded(named, load, options));
      collected.add(entry);
      tellPrepared(entry.header, options);
      await options.onProgress?.({ done: i + 1, total: cases.length, id: named.id, bytes: collected.bytes });
    }
    check(collected);
  } catch (error) {
    collected.close();
    throw error;
  }
  return collected;
}
