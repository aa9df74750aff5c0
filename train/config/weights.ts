// λ of each term of the losses, as fields of the configuration.
import { type Field, type ValueOf, defaultsOf, number } from "./fields.ts";

const weight = (value: number, says: string): Field<number> => number(value, { from: 0 }, says);

export const WEIGHT_FIELDS = {
  adv: weight(1, "Adversarial, equation 5"),
  cyc: weight(10, "Cycle consistency, equation 6"),
  cx: weight(1, "Contextual, equations 3 and 4"),
  hint: weight(1, "Hint, equation 2, or the distillation of outputs that replaces it"),
  seg: weight(5, "Segmentation, equation 1; multiplies the next three too"),
  segRM: weight(1, "Teacher on real images with its own masks; 0: the teacher's masks are never read"),
  segPM: weight(1, "Teacher on translated images with the student's masks"),
  segPC: weight(0, "Student on translated images with the teacher's masks: CMEDL+pMRI of Table VI"),
  identity: weight(0, "Identity of CycleGAN (5 there), not in the paper"),
  c: weight(1, "DRIT: content adversarial, equation 8"),
  vae: weight(1, "DRIT: variational, equation 10"),
  lr: weight(10, "DRIT: latent regression, equation 12"),
  cc: weight(10, "DRIT: content code of an image against that of its translation, equation 9"),
  self: weight(10, "DRIT: an image rebuilt from its own codes, as in the published code"),
};

/**
 * λ of each term; a term of weight 0 is not computed. The student's modality is C, the teacher's M, as in the paper's
 * main experiment. segRM, segPM and segPC are parts of seg: 1 as the paper trains, 0 for its ablations.
 */
export type LossWeights = ValueOf<typeof WEIGHT_FIELDS>;

/** The paper's: III-C. */
export const PAPER_WEIGHTS: LossWeights = defaultsOf(WEIGHT_FIELDS);
