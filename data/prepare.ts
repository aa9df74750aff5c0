// A case's slices as a set has them: which are taken, where the field lies on each, and what was cut off.
import { DataError } from "./errors.ts";
import type { Range } from "./intensity.ts";
import { findLungs, lungSlices } from "./lungs.ts";
import { keyOf } from "./random.ts";
import { type Field, covers } from "./resample.ts";
import {
  type LoadedCase,
  type SliceGrid,
  type SliceOrigin,
  type SliceSet,
  chooseSlices,
  fieldOf,
  foregroundPerSlice,
  imageSlice,
  maskSlice,
  sliceRange,
  sliceSet,
} from "./slices.ts";
import { tumourFields } from "./tumour-field.ts";

export interface CollectOptions {
  readonly grid: SliceGrid;
  /**
   * Slices without foreground, as a part of those with. Default ¼. "all" takes every slice, "shown" every one that is
   * not blank.
   */
  readonly negatives?: number | "all" | "shown";
  readonly seed?: number;
  /** "lung": of the slices of CT without foreground only those that hold lung are taken. Default "all". */
  readonly slices?: "all" | "lung";
  /** Where a slice's field lies: round its centre, or as `tumourFields` puts it. Default "centre". */
  readonly fieldAt?: "centre" | "tumour";
  /** Whether images are in HU, so that lungs can be found. Default false. */
  readonly hu?: boolean;
}

/** The slices of one case. */
export interface PreparedCase {
  readonly id: string;
  readonly patient: string;
  readonly size: number;
  /** Where each slice was, rising. */
  readonly z: readonly number[];
  /** [z.length, size, size] in [−1, 1]. */
  readonly images: Float32Array<ArrayBuffer>;
  /** [z.length, size, size] of class numbers. */
  readonly masks: Uint8Array<ArrayBuffer>;
  /** Foreground voxels of the volume, and those of them that lie outside the slices' fields. */
  readonly foreground: number;
  readonly outsideField: number;
}

/** A case's slices, scaled from `range`. Throws DataError where those with lung are asked for and there is none. */
export function prepareCase(c: LoadedCase, range: Range, options: CollectOptions): PreparedCase {
  const { grid, negatives = 0.25, seed = 0, slices = "all", fieldAt = "centre", hu = false } = options;
  const { image, mask } = c;
  const takesLung = hu && slices === "lung";
  const lungs = takesLung || (hu && fieldAt === "tumour") ? findLungs(image) : undefined;
  const held = takesLung ? new Set(slicesOfLungs(lungs, c)) : undefined;
  const fieldAtZ =
    fieldAt === "tumour" ? tumourFields({ image, mask, lungs }, grid.fieldMm) : () => fieldOf(image, grid);
  const mayBe = (z: number): boolean => held === undefined || held.has(z);
  const counts = foregroundPerSlice(mask, image.shape);
  const chosen =
    typeof negatives === "string"
      ? Array.from(counts.keys()).filter((z) => counts[z]! > 0 || mayBe(z))
      : chooseSlices(counts, negatives, keyOf(seed, "negatives", c.id), mayBe);
  const n = grid.size * grid.size;
  const images = new Float32Array(chosen.length * n);
  const masks = new Uint8Array(chosen.length * n);
  const taken: number[] = [];
  for (const z of chosen) {
    const at = taken.length * n;
    const field = fieldAtZ(z);
    imageSlice(image, z, range, grid, images, at, field);
    // A slice beyond the body teaches nothing.
    if (negatives !== "all" && counts[z] === 0 && images.subarray(at, at + n).every((v) => v === images[at])) continue;
    maskSlice(c, z, grid, masks, at, field);
    taken.push(z);
  }
  return {
    id: c.id,
    patient: c.patient,
    size: grid.size,
    z: taken,
    images: images.slice(0, taken.length * n),
    masks: masks.slice(0, taken.length * n),
    foreground: counts.reduce((a, b) => a + b, 0),
    outsideField: outsideFields(c, counts, fieldAtZ),
  };
}

/**
 * A case from its first to its last axial slice that holds lung, or foreground, so that no miss goes unseen. Throws
 * DataError where no lung is found.
 */
export function withinLungs(c: LoadedCase): LoadedCase {
  const withForeground = [...foregroundPerSlice(c.mask, c.image.shape).entries()].filter(([, n]) => n > 0);
  const taken = [...slicesOfLungs(findLungs(c.image), c), ...withForeground.map(([z]) => z)];
  return sliceRange(c, Math.min(...taken), Math.max(...taken));
}

function slicesOfLungs(lungs: Uint8Array | undefined, { image }: LoadedCase): number[] {
  const slices = lungs ? lungSlices(lungs, image) : [];
  if (slices.length > 0) return slices;
  throw new DataError(
    image.name,
    "lungs",
    "none were found: no air below −300 HU that lies within the body in each slice",
    "leave this case out, or take all slices (data.slices: all)",
  );
}

/** Foreground voxels whose centres no slice's field covers. */
function outsideFields({ image, mask }: LoadedCase, perSlice: Uint32Array, fieldAt: (z: number) => Field): number {
  const [nx, ny] = image.shape;
  let outside = 0;
  perSlice.forEach((count, z) => {
    if (count === 0) return;
    const field = fieldAt(z);
    for (let y = 0, v = z * nx * ny; y < ny; y++)
      for (let x = 0; x < nx; x++, v++) if (mask[v] !== 0 && !covers(field, x + 0.5, y + 0.5)) outside++;
  });
  return outside;
}

/** Gathers slices case by case, so that only one volume need be in memory. */
export class SliceCollector {
  readonly #cases: PreparedCase[] = [];

  constructor(readonly options: CollectOptions) {}

  /** Foreground voxels seen, and those that lie outside the fields. */
  get foreground(): number {
    return this.#cases.reduce((sum, c) => sum + c.foreground, 0);
  }
  /** Those of the foreground voxels that lie outside the fields. */
  get outsideField(): number {
    return this.#cases.reduce((sum, c) => sum + c.outsideField, 0);
  }

  /** Adds a case's slices, scaled from `range`; returns how many. Throws DataError as prepareCase. */
  add(c: LoadedCase, range: Range): number {
    return this.addPrepared(prepareCase(c, range, this.options));
  }

  /** Adds slices that were prepared by the same options; returns how many. */
  addPrepared(prepared: PreparedCase): number {
    this.#cases.push(prepared);
    return prepared.z.length;
  }

  /** All slices so far as one set. Throws DataError where there are none. */
  finish(name: string): SliceSet {
    const { size } = this.options.grid;
    const n = size * size;
    const origins = originsOf(this.#cases);
    const count = origins.length;
    if (count === 0)
      throw new DataError(name, "slices", "no slice holds foreground", "check the masks, or name their label");
    const images = new Float32Array(count * n);
    const masks = new Uint8Array(count * n);
    let at = 0;
    for (const c of this.#cases) {
      images.set(c.images, at);
      masks.set(c.masks, at);
      at += c.z.length * n;
    }
    return sliceSet({ size, count, images, masks, origins });
  }
}

/** The places that the slices of cases come from, in order. */
export const originsOf = (cases: readonly Pick<PreparedCase, "id" | "patient" | "z">[]): SliceOrigin[] =>
  cases.flatMap(({ id, patient, z: slices }) => slices.map((z) => ({ id, patient, z })));
