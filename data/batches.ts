// Unpaired batches: two sets, each shuffled by its own stream. A batch follows from (seed, epoch, step) alone: a
// resume needs counters only.
import { DataError } from "./errors.ts";
import {
  type AugmentationConfig,
  changesIntensity,
  drawIntensities,
  drawTransforms,
  exchangeSides,
  mirrors,
} from "./augment.ts";
import { keyOf, permutation } from "./random.ts";
import type { Slices } from "./slices.ts";

/**
 * One batch in the paper's letters: images x and masks y of CT (student) and MR (teacher), each [N, H, W, 1]. With
 * augmentation also how the GPU transforms them: affine maps t [N, 6] and elastic fields e [N, G, G, 2], as in
 * Transforms, and changes of the images' values i [N, 3] where drawIntensities is asked for any.
 */
export type BatchBuffers = Readonly<
  Record<"xC" | "yC" | "xM" | "yM", Float32Array> &
    Partial<Record<"tC" | "eC" | "iC" | "tM" | "eM" | "iM", Float32Array>>
>;

export interface BatchOptions {
  readonly batch: number;
  readonly seed: number;
  /** Steps of an epoch. Default: what the longer set needs to be seen once; the shorter goes round again. */
  readonly steps?: number;
  /** The part of each batch that is filled: the `rank`-th of `size` equal ones. Default: all of it. */
  readonly part?: { readonly rank: number; readonly size: number };
  /** What to draw for each slice. The slices stay as they are: augmentedStep in train/ transforms them on the GPU. */
  readonly augment?: AugmentationConfig;
}

type Role = "student" | "teacher";

/** Places in the endless order of one set: position p belongs to round ⌊p / n⌋, and each round is a new permutation. */
export class Order {
  #round = -1;
  #permutation: Uint32Array = new Uint32Array();
  constructor(
    readonly length: number,
    readonly key: number,
  ) {}
  at(epoch: number, position: number): number {
    const round = Math.floor(position / this.length);
    const id = epoch * 2 ** 20 + round;
    if (id !== this.#round) {
      this.#permutation = permutation(this.length, keyOf(this.key, epoch, round));
      this.#round = id;
    }
    return this.#permutation[position % this.length]!;
  }
}

/** Throws DataError where sets and options make no batches. */
function checkOptions(student: Slices, teacher: Slices, { batch, steps, part, augment }: BatchOptions): void {
  const fail = (field: string, problem: string, mend: string): never => {
    throw new DataError("batches", field, problem, mend);
  };
  if (student.size !== teacher.size) {
    const problem = `${student.size} and ${teacher.size} pixels do not go together`;
    fail("size", problem, "prepare both sets with one size");
  }
  if (!(Number.isInteger(batch) && batch > 0))
    fail("batch", `${batch} is no whole number above 0`, "give a batch size such as 4");
  if (part && batch % part.size !== 0)
    fail("batch", `${batch} slices make no ${part.size} equal parts`, `give a multiple of ${part.size}`);
  if (student.count === 0 || teacher.count === 0) fail("slices", "a set is empty", "give both sets at least one slice");
  if (augment && !(augment.scale >= 0 && augment.scale < 1))
    fail("augment.scale", `${augment.scale} would let a slice vanish`, "give a number from 0 to below 1");
  if (augment && !(Number.isInteger(augment.elasticGrid) && augment.elasticGrid > 1)) {
    const problem = `${augment.elasticGrid} is no whole number above 1`;
    fail("augment.elasticGrid", problem, "give points along a side, such as 4");
  }
  if (steps !== undefined && !(Number.isInteger(steps) && steps > 0))
    fail("steps", `${steps} is no whole number above 0`, "leave it out for one round of the longer set");
}

/** Pairs of batches from a student's and a teacher's slices; each set goes round in an order of its own. */
export class UnpairedBatches {
  readonly size: number;
  /** Slices of each set that are filled in. */
  readonly batch: number;
  readonly stepsPerEpoch: number;
  /** Slices of each set in the whole batch, and how many of them come before the part that is filled in. */
  readonly #whole: number;
  readonly #before: number;
  readonly #orders: Record<Role, Order>;

  constructor(
    readonly student: Slices,
    readonly teacher: Slices,
    readonly options: BatchOptions,
  ) {
    const { batch, seed, part = { rank: 0, size: 1 } } = options;
    checkOptions(student, teacher, options);
    this.size = student.size;
    this.batch = batch / part.size;
    this.#whole = batch;
    this.#before = part.rank * this.batch;
    this.stepsPerEpoch = options.steps ?? Math.ceil(Math.max(student.count, teacher.count) / batch);
    this.#orders = {
      student: new Order(student.count, keyOf(seed, "shuffle", "student")),
      teacher: new Order(teacher.count, keyOf(seed, "shuffle", "teacher")),
    };
  }

  /** Shapes of a batch's buffers, by name. */
  get shapes(): Readonly<Record<string, readonly number[]>> {
    const { batch, size } = this;
    const { augment } = this.options;
    const image = [batch, size, size, 1];
    const t = [batch, 6];
    const e = augment && [batch, augment.elasticGrid, augment.elasticGrid, 2];
    const i = augment && changesIntensity(augment) && [batch, 3];
    return {
      xC: image,
      yC: image,
      xM: image,
      yM: image,
      ...(e && { tC: t, eC: e, tM: t, eM: e }),
      ...(i && { iC: i, iM: i }),
    };
  }

  /** New buffers of the right size. */
  buffers(): BatchBuffers {
    return Object.fromEntries(
      Object.entries(this.shapes).map(([name, shape]) => [name, new Float32Array(shape.reduce((n, d) => n * d, 1))]),
    ) as unknown as BatchBuffers;
  }

  /** Which slices of a set make up the batch, or its part, of `step` (0 …) in `epoch` (0 …). */
  indices(role: Role, epoch: number, step: number): number[] {
    if (!(step >= 0 && step < this.stepsPerEpoch))
      throw new RangeError(`step ${step} is not within the epoch's ${this.stepsPerEpoch}`);
    return this.#places(step).map((place) => this.#orders[role].at(epoch, place));
  }

  /** Places in the epoch of what is filled in. */
  #places(step: number): number[] {
    return Array.from({ length: this.batch }, (_, i) => step * this.#whole + this.#before + i);
  }

  /** Fills the buffers with the batch of `step` in `epoch`. Throws where slices on disk can't be read. */
  fill(epoch: number, step: number, out: BatchBuffers): void {
    this.#fill("student", this.student, epoch, step, out.xC, out.yC, out.tC, out.eC, out.iC);
    this.#fill("teacher", this.teacher, epoch, step, out.xM, out.yM, out.tM, out.eM, out.iM);
  }

  #fill(
    role: Role,
    set: Slices,
    epoch: number,
    step: number,
    x: Float32Array,
    y: Float32Array,
    t?: Float32Array,
    e?: Float32Array,
    values?: Float32Array,
  ): void {
    const n = set.size * set.size;
    const { augment, seed } = this.options;
    const slices = this.indices(role, epoch, step);
    const mask = new Uint8Array(n);
    slices.forEach((index, i) => {
      set.copyImage(index, x, i * n);
      set.copyMask(index, mask);
      y.set(mask, i * n);
    });
    if (!augment) return;
    // Keyed by the place in the epoch, so that a slice that comes twice is not twice the same.
    const places = this.#places(step);
    const drawn = drawTransforms(augment, keyOf(seed, "augment", role), epoch, places);
    // The image and the mask are mirrored on the GPU: what lay on the left is then named as what lies on the right.
    if (augment.sides?.length)
      slices.forEach((_, i) => {
        if (mirrors(drawn.affine.subarray(6 * i, 6 * i + 6)))
          exchangeSides(y.subarray(i * n, (i + 1) * n), augment.sides!);
      });
    t?.set(drawn.affine);
    e?.set(drawn.elastic);
    if (augment.intensity)
      values?.set(drawIntensities(augment.intensity, keyOf(seed, "intensity", role), epoch, places));
  }
}
