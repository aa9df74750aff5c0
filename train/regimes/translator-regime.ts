// What regimes that translate share: in each step the translator's update, then that of the segmentors.
import { Module, type Tensor } from "../../engine/index.ts";
import type { NamedForPyTorch } from "../../models/pytorch.ts";
import type { Adam } from "../adam.ts";
import { type LossWeights, PAPER_WEIGHTS } from "../config/weights.ts";
import type { Batch, Losses, Regime, Step } from "../regime.ts";
import type { Ramp } from "../schedule.ts";
import { type Translator, stepsOf } from "../translators/translator.ts";
import { type SegmentorTraining, rampsOf } from "./segmentor-training.ts";

/** Base of regimes with a translator: a step is the translator's update, then that of the segmentors. */
export abstract class TranslatorRegime<T extends Translator = Translator> extends Module implements Regime {
  readonly kind: string;
  readonly translator: T;
  readonly λ: LossWeights;
  readonly ramps: readonly Ramp[];
  readonly steps: readonly Step[];
  /** Of all segmentors. */
  abstract readonly optimize: { readonly S: Adam };
  abstract readonly networks: Readonly<Record<string, NamedForPyTorch>>;
  abstract readonly inputs: readonly (keyof Batch)[];

  constructor(kind: string, translator: T, { weights, schedule }: Pick<SegmentorTraining, "weights" | "schedule">) {
    super();
    this.kind = kind;
    this.translator = translator;
    this.λ = { ...PAPER_WEIGHTS, ...weights };
    this.ramps = rampsOf(schedule);
    this.steps = stepsOf(
      translator,
      (batch) => this.translate(batch),
      (batch) => this.learn(batch),
    );
  }

  get optimizers(): readonly Adam[] {
    return [...this.translator.optimizers, this.optimize.S];
  }
  get pools() {
    return this.translator.pools;
  }

  /** The ramp of a term whose weight starts late. */
  protected ramp(term: string): Ramp | undefined {
    return this.ramps.find((ramp) => ramp.term === term);
  }

  /** The translator's update: by itself, unless the regime guides it. */
  translate(batch: Batch): Losses {
    return this.translator.update(batch);
  }

  /** The segmentors' update, by the translator as it is now. */
  abstract learn(batch: Batch): Losses;

  abstract segment(xC: Tensor): Tensor;

  /** Pseudo M of xC, and C brought back. */
  pictures(xC: Tensor): Readonly<Record<string, Tensor>> {
    const pM = this.translator.toM(xC);
    return { pM, rC: this.translator.toC(pM) };
  }
}
