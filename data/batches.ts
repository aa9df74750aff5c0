// Unpaired batches: two sets, each shuffled by its own stream. A batch follows from (seed, epoch, step) alone: a resume needs counters only.
import { DataError } from "./errors.ts";
import { type AugmentOptions, drawTransform, transformInto } from "./augment.ts";
import { keyOf, permutation } from "./random.ts";
import type { SliceSet } from "./slices.ts";

/** One batch in the paper's letters: images x and masks y of CT (student) and MR (teacher), each [N, H, W, 1]. */
export interface BatchBuffers {
  readonly xC: Float32Array;
  readonly yC: Float32Array;
  readonly xM: Float32Array;
  readonly yM: Float32Array;
}

export interface BatchOptions {
  readonly batch: number;
  readonly seed: number;
  /** Steps of an epoch. Default: what the longer set needs to be seen once; the shorter goes round again. */
  readonly steps?: number;
  readonly augment?: AugmentOptions;
}

type Role = "student" | "teacher";

/** Places in the endless order of one set: position p belongs to round ⌊p / n⌋, and each round is a new permutation. */
class Order {
  #round = -1;
  #permutation: Uint32Array = new Uint32Array();
  constructor(readonly length: number, readonly key: number) {}
  at(epoch: number, position: number): number {
    const round = Math.floor(position / this.length);
    const id = epoch * 2 ** 20 + round;
    if (id !== this.#round) {
      this.#permutation = permutation(this.length, keyOf(this.key, epoch, round));
      this.#round = id;
    }
    return this.#permutation[position % this.length];
  }
}

export class UnpairedBatches {
  readonly size: number;
  readonly batch: number;
  readonly stepsPerEpoch: number;
  readonly #orders: Record<Role, Order>;

  constructor(readonly student: SliceSet, readonly teacher: SliceSet, readonly options: BatchOptions) {
    const { batch, steps, seed } = options;
    if (student.size !== teacher.size) throw new DataError("batches", "size", `${student.size} and ${teacher.size} pixels do not go together`, "prepare both sets with one size");
    if (!(Number.isInteger(batch) && batch > 0)) throw new DataError("batches", "batch", `${batch} is no whole number above 0`, "give a batch size such as 4");
    if (student.count === 0 || teacher.count === 0) throw new DataError("batches", "slices", "a set is empty", "give both sets at least one slice");
    this.size = student.size;
    this.batch = batch;
    this.stepsPerEpoch = steps ?? Math.ceil(Math.max(student.count, teacher.count) / batch);
    if (!(Number.isInteger(this.stepsPerEpoch) && this.stepsPerEpoch > 0)) throw new DataError("batches", "steps", `${steps} is no whole number above 0`, "leave it out for one round of the longer set");
    this.#orders = { student: new Order(student.count, keyOf(seed, "shuffle", "student")), teacher: new Order(teacher.count, keyOf(seed, "shuffle", "teacher")) };
  }

  /** New buffers of the right size. */
  buffers(): BatchBuffers {
    const n = this.batch * this.size * this.size;
    return { xC: new Float32Array(n), yC: new Float32Array(n), xM: new Float32Array(n), yM: new Float32Array(n) };
  }

  /** Which slices of a set make up the batch of `step` (0 …) in `epoch` (0 …). */
  indices(role: Role, epoch: number, step: number): number[] {
    if (!(step >= 0 && step < this.stepsPerEpoch)) throw new RangeError(`step ${step} is not within the epoch's ${this.stepsPerEpoch}`);
    return Array.from({ length: this.batch }, (_, i) => this.#orders[role].at(epoch, step * this.batch + i));
  }

  /** Fills the buffers with the batch of `step` in `epoch`, augmented where options.augment is given. */
  fill(epoch: number, step: number, out: BatchBuffers): void {
    this.#fill("student", this.student, epoch, step, out.xC, out.yC);
    this.#fill("teacher", this.teacher, epoch, step, out.xM, out.yM);
  }

  #fill(role: Role, set: SliceSet, epoch: number, step: number, x: Float32Array, y: Float32Array): void {
    const n = set.size * set.size, { augment, seed } = this.options, key = keyOf(seed, "augment", role);
    this.indices(role, epoch, step).forEach((index, i) => {
      if (augment) {
        // Keyed by the place in the epoch, so that a slice that comes twice is not twice the same.
        transformInto(set.images, set.masks, index * n, set.size, drawTransform(augment, key, epoch, step * this.batch + i), x, y, i * n);
      } else {
        x.set(set.images.subarray(index * n, (index + 1) * n), i * n);
        y.set(set.masks.subarray(index * n, (index + 1) * n), i * n);
      }
    });
  }
}
