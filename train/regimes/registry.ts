// The registry of regimes. A regime is its own file and one row here: what `--regime` takes, `cmedl presets` says of
// it and a run trains all follow from its row.
import type { AlphaNetworkOptions } from "../../models/resnet18.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import type { LossWeights } from "../config/weights.ts";
import type { Regime } from "../regime.ts";
import type { Translator } from "../translators/translator.ts";
import { Cmedl, type Distillation } from "./cmedl.ts";
import { Mutual } from "./mutual.ts";
import { PseudoMr } from "./pseudo-mr.ts";
import type { SegmentorTraining } from "./segmentor-training.ts";
import { StudentOnly } from "./student-only.ts";

/** What a configuration gives a regime to be built of. */
export interface RegimeParts {
  /** Options that all regimes share; its segmentors take one channel. */
  readonly shared: SegmentorTraining;
  /** A segmentor of so many channels. */
  segmentor(inputs: number): Segmentor;
  /** CycleGAN as the translator, with some weights replaced. */
  cycleGan(weights?: Partial<LossWeights>): Translator;
  /** DRIT as the translator. */
  drit(): Translator;
  readonly distillation: Distillation;
  readonly alpha: AlphaNetworkOptions;
}

export interface RegimeRow {
  /** What it is, and where the paper has it. */
  readonly says: string;
  make(parts: RegimeParts): Regime;
}

/** Weights of a CycleGAN on its own: neither its contextual loss nor segmentation guide it. */
const ALONE = { cx: 0 };

const rows = {
  "ct-only": {
    says: "the segmentor alone, on CT: Tables I and III",
    make: ({ shared }) => new StudentOnly(shared),
  },
  cmedl: {
    says: "CMEDL, equations 1 to 7: CT taught by unpaired MR: Table I",
    make: ({ shared, distillation, cycleGan }) => new Cmedl({ ...shared, distillation, translator: cycleGan() }),
  },
  "vae-cmedl": {
    says: "CMEDL with DRIT as translator, equations 8 to 13: Table I",
    make: ({ shared, distillation, drit }) => new Cmedl({ ...shared, distillation, translator: drit() }),
  },
  "pmri-cycle": {
    says: "pseudo MR segmented, by CycleGAN without segmentation: Table III",
    make: ({ shared, cycleGan }) => new PseudoMr({ ...shared, translator: cycleGan(ALONE), input: "pmri" }),
  },
  "pmri-drit": {
    says: "pseudo MR segmented, by DRIT without segmentation: Table III",
    make: ({ shared, drit }) => new PseudoMr({ ...shared, translator: drit(), input: "pmri" }),
  },
  "pmri-cmedl": {
    says: "CMEDL's teacher on pseudo MR, at test too: Table III",
    make: ({ shared, distillation, cycleGan }) =>
      new Cmedl({ ...shared, distillation, translator: cycleGan(), test: "teacher" }),
  },
  "ct+pmri": {
    says: "CT and pseudo MR as two channels: Table III",
    make: ({ shared, segmentor, cycleGan }) =>
      new PseudoMr({ ...shared, segmentor: () => segmentor(2), translator: cycleGan(ALONE), input: "ct+pmri" }),
  },
  "weighted-ct+pmri": {
    says: "the same, weighted by an α that ResNet18 gives, equation 14: Table III",
    make: ({ shared, segmentor, cycleGan, alpha }) =>
      new PseudoMr({
        ...shared,
        segmentor: () => segmentor(2),
        translator: cycleGan(ALONE),
        input: "weighted-ct+pmri",
        alpha,
      }),
  },
  mutual: {
    says: "online mutual knowledge distillation of outputs, [13]: Table III",
    make: ({ shared, distillation: { temperature }, cycleGan }) =>
      new Mutual({ ...shared, translator: cycleGan(ALONE), temperature }),
  },
} satisfies Readonly<Record<string, RegimeRow>>;

export type RegimeName = keyof typeof rows;
/** One word each: what is trained. */
export const REGIMES = Object.keys(rows) as RegimeName[];
export const regimeRow = (name: RegimeName): RegimeRow => rows[name];
