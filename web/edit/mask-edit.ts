// A mask that is being corrected: its voxels change here alone, so that each change can be taken back, and that the
// slices which are no longer as the algorithm gave them are known.
import type { Shape3 } from "../../data/volume.ts";

/** Voxels with their labels before and after. */
interface Change {
  readonly voxels: Uint32Array;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Bytes that all changes may take together; the oldest are forgotten. */
const MOST_BYTES = 64 * 2 ** 20;
/** One in so many corrected slices is left out, to judge by. */
const LEFT_OUT_EVERY = 4;
const bytesOf = ({ voxels, before, after }: Change): number => voxels.byteLength + before.byteLength + after.byteLength;

export class MaskEdit {
  /** As the algorithm gave it. */
  readonly given: Uint8Array;
  /** Slices that the user calls right as they are. */
  readonly right = new Set<number>();
  readonly #slice: number;
  /** Of each axial slice, its voxels that are not as they were given. */
  readonly #differing: Uint32Array;
  /** The how-manieth each slice was. */
  readonly #numbers = new Map<number, number>();
  #done: Change[] = [];
  #undone: Change[] = [];
  #recorded = new Recording();

  /** `data`, one label a voxel, is changed in place. */
  constructor(
    readonly data: Uint8Array<ArrayBuffer>,
    shape: Shape3,
    readonly mostBytes = MOST_BYTES,
  ) {
    this.given = data.slice();
    this.#slice = shape[0] * shape[1];
    this.#differing = new Uint32Array(shape[2]);
  }

  /** Gives a voxel a label, as a part of the change that `finish` ends. */
  set(voxel: number, label: number): void {
    const before = this.data[voxel]!;
    if (before === label) return;
    this.#recorded.add(voxel, before, label);
    this.#put(voxel, label);
  }

  /** Makes all labels those of `labels`, as one change. */
  replace(labels: Uint8Array): void {
    for (let v = 0; v < labels.length; v++) if (labels[v] !== this.data[v]) this.set(v, labels[v]!);
    this.finish();
  }

  /** Notes that these labels were before those of now: undo brings them back. */
  follow(labels: Uint8Array): void {
    for (let v = 0; v < labels.length; v++)
      if (labels[v] !== this.data[v]) this.#recorded.add(v, labels[v]!, this.data[v]!);
    this.finish();
  }

  /** Ends a change, which is then taken back as one. Gives whether there was any. */
  finish(): boolean {
    const change = this.#recorded.change();
    this.#recorded = new Recording();
    if (change.voxels.length === 0) return false;
    this.#done.push(change);
    this.#undone = [];
    let bytes = this.#done.reduce((sum, c) => sum + bytesOf(c), 0);
    while (bytes > this.mostBytes) bytes -= bytesOf(this.#done.shift()!);
    return true;
  }

  get canUndo(): boolean {
    return this.#done.length > 0;
  }
  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** Takes the last change back. */
  undo(): void {
    const change = this.#done.pop();
    if (!change) return;
    // Backwards, for a voxel may have been changed twice.
    for (let i = change.voxels.length - 1; i >= 0; i--) this.#put(change.voxels[i]!, change.before[i]!);
    this.#undone.push(change);
  }

  /** Makes the change that was taken back last again. */
  redo(): void {
    const change = this.#undone.pop();
    if (!change) return;
    change.voxels.forEach((voxel, i) => this.#put(voxel, change.after[i]!));
    this.#done.push(change);
  }

  /** Axial slices that are not as they were given, rising. */
  get changedSlices(): readonly number[] {
    return [...this.#differing.keys()].filter((z) => this.#differing[z]! > 0);
  }

  /** Axial slices that are known to be right, rising: those that were changed, and those called right. */
  get correctedSlices(): readonly number[] {
    return [...new Set([...this.changedSlices, ...this.right])].sort((a, b) => a - b);
  }

  /**
   * The corrected slices to learn from, and every fourth, in the order in which they were first asked for, to judge by.
   * A slice stays where it is, so that no model is judged by slices that it learned from before.
   */
  get split(): { readonly learned: readonly number[]; readonly leftOut: readonly number[] } {
    const corrected = this.correctedSlices;
    for (const z of corrected) if (!this.#numbers.has(z)) this.#numbers.set(z, this.#numbers.size);
    const isLeftOut = (z: number): boolean => this.#numbers.get(z)! % LEFT_OUT_EVERY === LEFT_OUT_EVERY - 1;
    return { learned: corrected.filter((z) => !isLeftOut(z)), leftOut: corrected.filter(isLeftOut) };
  }

  #put(voxel: number, label: number): void {
    const given = this.given[voxel]!;
    const z = Math.floor(voxel / this.#slice);
    this.#differing[z]! += Number(label !== given) - Number(this.data[voxel] !== given);
    this.data[voxel] = label;
  }
}

/** A change as it grows. */
class Recording {
  #voxels = new Uint32Array(1024);
  #before = new Uint8Array(1024);
  #after = new Uint8Array(1024);
  #length = 0;

  add(voxel: number, before: number, after: number): void {
    const i = this.#length++;
    if (i === this.#voxels.length) {
      this.#voxels = grown(this.#voxels, new Uint32Array(2 * i));
      this.#before = grown(this.#before, new Uint8Array(2 * i));
      this.#after = grown(this.#after, new Uint8Array(2 * i));
    }
    this.#voxels[i] = voxel;
    this.#before[i] = before;
    this.#after[i] = after;
  }

  change(): Change {
    const end = this.#length;
    return {
      voxels: this.#voxels.slice(0, end),
      before: this.#before.slice(0, end),
      after: this.#after.slice(0, end),
    };
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
