// A CMEDL small enough for tests: 32 × 32 images, two channels wide, on slices made of noise and discs.
import { defaultAugmentation } from "../../data/augment.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { type SliceSet, sliceSet } from "../../data/slices.ts";
import { UNet } from "../../models/unet.ts";
import { Cmedl, type CmedlOptions } from "../../train/regimes/cmedl.ts";
import type { LossWeights } from "../../train/config/config.ts";
import { CycleTranslator, type CycleTranslatorOptions } from "../../train/translators/cycle.ts";
import { noise } from "./device.ts";

export const SIZE = 32;

interface TinyOptions extends Partial<Omit<CmedlOptions, "translator">> {
  translation?: Partial<CycleTranslatorOptions>;
  weights?: Partial<LossWeights>;
}

export const tinyTranslator = (options: Partial<CycleTranslatorOptions> = {}): CycleTranslator =>
  new CycleTranslator({
    image: [SIZE, SIZE],
    seed: 3,
    poolSize: 3,
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2, layers: 2 },
    features: { width: 2 },
    ...options,
  });

export const tinyCmedl = ({ translation, ...options }: TinyOptions = {}): Cmedl<CycleTranslator> =>
  new Cmedl({
    seed: 3,
    segmentor: () => new UNet({ width: 2 }),
    translator: tinyTranslator({ weights: options.weights, ...translation }),
    ...options,
  });

/** Slices with a disc that is brighter than its surroundings by `contrast`. */
export function discs(count: number, seed: number, contrast: number): SliceSet {
  const images = new Float32Array(noise(count * SIZE * SIZE, seed, 0.2));
  const masks = new Uint8Array(images.length);
  for (let s = 0; s < count; s++) {
    const cx = 10 + ((s * 7 + seed) % 12);
    const cy = 10 + ((s * 5 + seed) % 12);
    const r = 4 + (s % 4);
    for (let y = 0; y < SIZE; y++)
      for (let x = 0; x < SIZE; x++) {
        if ((x - cx) ** 2 + (y - cy) ** 2 > r * r) continue;
        const i = (s * SIZE + y) * SIZE + x;
        masks[i] = 1;
        images[i] += contrast;
      }
  }
  return sliceSet({
    size: SIZE,
    count,
    images,
    masks,
    origins: Array.from({ length: count }, (_, s) => ({ id: `case${s >> 1}`, patient: `case${s >> 1}`, z: s & 1 })),
  });
}

export const tinyBatches = (steps = 4): UnpairedBatches =>
  new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 2, seed: 5, steps, augment: defaultAugmentation });
