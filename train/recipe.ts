// A small setting in which labelled images of another modality help to segment one of which few are labelled: what the
// demo trains. Found in trials on phantoms, in PyTorch and here; docs/experiments.md has its numbers.
import type { PartialConfig } from "./config/config.ts";

/** Patients with labelled images of the student's modality, and of the teacher's. */
export const FEW_LABELLED = { student: 3, teacher: 24 } as const;

/** Epochs of 25 steps: 500 steps at 32 × 32. */
export const RECIPE_LENGTH = { epochs: 20, steps: 25 } as const;

/** What all its rows share: small networks, masks that start at 4.7 % foreground, rates that fall from half-way. */
export const recipe = (generatorWidth: number): PartialConfig => ({
  networks: {
    segmentor: { width: 8, prior: 0.0474 },
    generator: { width: generatorWidth, blocks: 2 },
    discriminator: { width: 4, layers: 2 },
    features: { width: 4 },
  },
  losses: { schedule: { hint: null, segPC: null } },
  optimization: {
    batch: 4,
    rates: { G: 2e-3, D: 1e-3, S: 2e-3 },
    patience: null,
    decayFrom: RECIPE_LENGTH.epochs / 2,
    ...RECIPE_LENGTH,
  },
});

/** CMEDL+pMRI in it: once the segmentors see something, translated images of the teacher's modality train the student. */
export const WITH_TRANSLATED: PartialConfig = {
  losses: { weights: { segPC: 1 }, schedule: { hint: [0.2, 0.5], segPC: [0.2, 0.2] } },
};
