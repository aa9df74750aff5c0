// A history of generated images (Shrivastava et al. 2017): a discriminator that also sees old fakes cannot forget them.
import {
  Module,
  RandomStreams,
  ShapeError,
  type Tensor,
  Variable,
  cast,
  concat,
  equal,
  hostInput,
  iota,
  ranks,
  requireTrace,
  slice,
  stopGradient,
  sum,
  where,
} from "../../engine/index.ts";

/**
 * What becomes of one image: the slot it is stored in (null: nowhere), and whether that slot's old image is given
 * instead.
 */
export interface PoolChoice {
  slot: number | null;
  old: boolean;
}

/**
 * Holds `capacity` images [H, W, C]. While it fills, each image is stored and given back; then, by chance, half of the
 * images are stored in a random slot whose old image is given instead, and half pass through.
 *
 * The choices are a function of (key, number of images seen), so `store` and `seen` are the whole state.
 */
export class ImagePool extends Module {
  readonly store?: Variable;
  /** Images that have passed since the start; a checkpoint keeps it. */
  seen = 0;
  readonly #key: number;
  constructor(
    readonly capacity: number,
    image: readonly [H: number, W: number, C: number],
    key: number,
  ) {
    super();
    this.#key = key;
    if (capacity > 0)
      this.store = new Variable(
        [capacity, ...image],
        () => new Float32Array(capacity * image[0] * image[1] * image[2]),
        { trainable: false },
      );
  }

  /** What becomes of the n-th image ever. */
  choice(n: number): PoolChoice {
    if (n < this.capacity) return { slot: n, old: false };
    if (RandomStreams.uniform(this.#key, 2 * n) < 0.5) return { slot: null, old: false };
    return { slot: Math.floor(RandomStreams.uniform(this.#key, 2 * n + 1) * this.capacity), old: true };
  }

  /**
   * Images to judge in place of `images` [N, H, W, C], detached; each run counts N more as seen. Only within a trace.
   */
  exchange(images: Tensor): Tensor {
    if (!this.store) return stopGradient(images);
    // Every rank keeps the same history, of what all of them made.
    const all = ranks();
    const fakes = stopGradient(all?.whole(images) ?? images);
    const [N = 0, ...image] = fakes.shape;
    if (image.some((n, d) => n !== this.store!.shape[d + 1])) {
      throw new ShapeError(
        "imagePool",
        `holds images [${this.store.shape.slice(1).join(", ")}], was given [${image.join(", ")}]; ` +
          "make the pool for the size trained at",
      );
    }
    // Per image: the slot (capacity: none), and 1 if the old image is given.
    const choices = hostInput(
      "pool-choices",
      [N, 2],
      () =>
        Array.from({ length: N }, (_, i) => {
          const { slot, old } = this.choice(this.seen + i);
          return [slot ?? this.capacity, Number(old)];
        }).flat(),
      "u32",
    );
    const slots = iota([this.capacity, 1, 1, 1]);
    const given = Array.from({ length: N }, (_, i) => {
      const fresh = slice(fakes, [[i, i + 1]]);
      const number = (column: number): Tensor =>
        slice(choices, [
          [i, i + 1],
          [column, column + 1],
        ]);
      const slot = number(0);
      const old = number(1);
      const here = equal(slots, slot);
      const held = this.store!.value;
      const found = sum(where(here, held, 0), 0, { keepDims: true });
      this.store!.assign(where(here, fresh, held));
      return where(cast(old, "bool"), found, fresh);
    });
    requireTrace("ImagePool.exchange").afterRun.push(() => {
      this.seen += N;
    });
    const exchanged = concat(given, 0);
    return all?.own(exchanged) ?? exchanged;
  }
}
