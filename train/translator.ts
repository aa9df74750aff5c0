// What translates between unpaired modalities, whichever way: CycleGAN or DRIT.
import type { Tensor } from "../engine/index.ts";
import type { Images, Losses, Trained } from "./regime.ts";
import type { Terms } from "./terms.ts";

/** What segmentors ask of a translation: terms on pseudo M of C that are minimized with the translator's own. */
export type Tie = (pM: Tensor) => Terms;

export interface Translator extends Trained {
  /** Its updates of one step. To be traced. */
  update(images: Images, tie?: Tie): Losses;
  /** Updates that take a step of their own before each whole one: DRIT's content discriminator has two. */
  readonly between: readonly ((images: Images) => Losses)[];
  /** Pseudo M of xC in the style of xM, where the translator knows styles; without xM in their mean style. [N, H, W, 1] each. */
  toM(xC: Tensor, xM?: Tensor): Tensor;
  /** Pseudo C of xM. */
  toC(xM: Tensor, xC?: Tensor): Tensor;
}

/** Steps of a regime whose translator has updates between: those, then `whole`. */
export const stepsOf = <B extends Images>(translator: Translator, whole: (batch: B) => Losses): readonly ((batch: B) => Losses)[] => [...translator.between, whole];
