// What translates between unpaired modalities, whichever way: CycleGAN or DRIT.
import type { Tensor } from "../../engine/index.ts";
import type { Batch, Images, Losses, Step, Trained } from "../regime.ts";
import type { Terms } from "../terms.ts";

/** What segmentors ask of a translation: terms on pseudo M of C that are minimized with the translator's own. */
export type Tie = (pM: Tensor) => Terms;

export interface Translator extends Trained {
  /** Names of those of its networks that judge images, which nothing needs once it is trained. */
  readonly discriminators: readonly string[];
  /** Its updates of one step. To be traced. */
  update(images: Images, tie?: Tie): Losses;
  /**
   * Updates that take the place of the whole one in the steps before it: of DRIT's content discriminator there are
   * two.
   */
  readonly between: readonly ((images: Images) => Losses)[];
  /**
   * Pseudo M of xC in the style of xM, where the translator knows styles; without xM in their mean style. [N, H, W,
   * 1] each.
   */
  toM(xC: Tensor, xM?: Tensor): Tensor;
  /** Pseudo C of xM. */
  toC(xM: Tensor, xC?: Tensor): Tensor;
}

/**
 * Steps of a regime: an update of the translator, then of what segments. Where the translator has updates between its
 * whole ones, those take turns with them, and the segmentors learn in every step.
 */
export function stepsOf(
  translator: Translator,
  update: (batch: Batch) => Losses,
  segment: (batch: Batch) => Losses,
): readonly Step[] {
  const followed =
    (f: (batch: Batch) => Losses): Step =>
    (batch) => ({ ...f(batch), ...segment(batch) });
  const between = new Map(translator.between.map((f) => [f, followed(f)]));
  return [...translator.between.map((f) => between.get(f)!), followed(update)];
}
