// Every choice of a training run, described once: its kind, its range, its meaning, and the paper's value as its
// default. Types, checks, defaults, comments of config.yaml and docs/configuration.md follow from here. Where the
// paper is silent or differs from published code, docs/equations.md says what was chosen.
import { HINT_LEVELS } from "../../models/segmentor.ts";
import { SEGMENTATION_LOSSES } from "../../losses/segmentation.ts";
import { PAPER_TAPS } from "../../models/vgg.ts";
import { SEGMENTORS, segmentorRow } from "../../models/zoo.ts";
import type { SegmentorRow } from "../../models/zoo-row.ts";
import { REGIMES } from "../regimes/registry.ts";
import { DATA } from "./data-fields.ts";
import { choice, type Field, group, isPair, listOf, number, orNull, pair, path, whole } from "./fields.ts";
import type { Course } from "../schedule.ts";
import { WEIGHT_FIELDS } from "./weights.ts";

const rate = (value: number, says: string): Field<number> => number(value, { from: 0 }, says);
const width = (value: number, says: string): Field<number> => whole(value, { from: 1 }, says);
const part = (value: number, says: string): Field<number> => number(value, { from: 0, to: 1 }, says);
const text: Field<string> = {
  says: "",
  default: "",
  expects: "a text",
  accepts: (v) => typeof v === "string" && v !== "",
};
const layer: Field<string> = {
  ...text,
  expects: "a convolution's name, conv1_1 to conv5_4",
  accepts: (v) => typeof v === "string" && /^conv[1-5]_[1-4]$/.test(v),
};
const course = (says: string): Field<Course | null> =>
  orNull({
    ...pair([0, 1], { from: 0, to: 1 }, says),
    expects: "two parts [from, full] of the run, from 0 to 1, rising",
    accepts: (v) => isPair(v) && v[0] >= 0 && v[0] <= v[1] && v[1] <= 1,
  });
const isShare = (v: unknown): v is number => typeof v === "number" && v > 0 && v < 1;
const share = (value: Prior, says: string): Field<Prior> => ({
  says,
  default: value,
  expects: "data, null, a share above 0 and below 1, or one for each label [a, b, …] of a sum below 1",
  accepts: (v) =>
    v === null ||
    v === "data" ||
    isShare(v) ||
    (Array.isArray(v) && v.length > 1 && v.every(isShare) && v.reduce((a, b) => a + b, 0) < 1),
});
const ids = (says: string) => listOf(text, [], {}, says);
/** Shares of the structures that masks start at. */
export type Prior = number | readonly number[] | "data" | null;

export const SCHEMA = {
  version: choice([2], 2, "Version of this file format"),
  regime: choice(REGIMES, "cmedl", "What to train; `cmedl presets` describes each"),
  seed: whole(0, { from: 0 }, "Seed of every random choice"),
  init: orNull(
    path(
      "Run, or file of weights, that the student and other networks of equal names start from; null: random weights of the seed",
    ),
  ),
  data: DATA,
  networks: group("Sizes of the networks; a width is a number of channels", {
    segmentor: group("The student's and the teacher's segmentation network", {
      kind: choice(SEGMENTORS, "unet", `Architecture: ${ofEach((name, { figure }) => `${name} (${figure})`)}`),
      width: orNull(
        width(
          1,
          `Channels at full resolution; null: as in the paper, ${ofEach((name, row) => `${row.width} (${name})`)}`,
        ),
      ),
      prior: share(
        null,
        "Share of each structure that the masks start at: data, that of the training set; null: one half",
      ),
      hints: choice(
        HINT_LEVELS,
        "high",
        "Layers that distillation compares: the first two convolutions, the bottleneck, or the last two stages",
      ),
    }),
    generator: group("CycleGAN's translators", {
      width: width(64, "Channels at full resolution"),
      blocks: whole(
        9,
        { from: 0 },
        "Residual blocks; where none are given, `cmedl train` takes 6 below 256 pixels and 4 below 128",
      ),
    }),
    discriminator: group("PatchGAN, CycleGAN's discriminators; its width is that of DRIT's discriminators too", {
      width: width(64, "Channels of the first layer"),
      layers: whole(3, { from: 1 }, "Layers of stride 2; where none are given, `cmedl train` takes 2 below 64 pixels"),
    }),
    drit: group("DRIT's translators, for vae-cmedl and pmri-drit", {
      width: width(64, "Channels at full resolution"),
      blocks: whole(4, { from: 1 }, "Residual blocks that a code passes in the generator"),
      styles: whole(8, { from: 1 }, "Length of a style vector"),
    }),
    features: group("VGG, whose features the contextual loss compares", {
      layers: choice([16, 19], 19, "VGG19 has the feature sizes of the paper, VGG16 is the name in its text"),
      file: orNull(path("File of ImageNet weights under torchvision's names; null: random weights from the seed")),
      width: width(64, "Channels of the first stage; read from the file where one is given"),
      taps: listOf(layer, PAPER_TAPS, { from: 1, to: 16 }, "Convolutions whose features are compared"),
    }),
    alpha: group("ResNet18, which computes the α of weighted-ct+pmri", {
      width: width(64, "Channels of the first stage"),
    }),
  }),
  losses: group("Losses, equations 1 to 14 of the paper", {
    weights: group("Weight λ of each term; a term of weight 0 is not computed", WEIGHT_FIELDS),
    segmentation: choice(
      SEGMENTATION_LOSSES,
      "dice",
      "Equation 1: Dice, as the paper trains; -log P, as it is written; or their sum",
    ),
    schedule: group("Terms whose weight starts late: [from, full] in parts of all steps; null: the first step", {
      hint: course("The hint, on student and translator"),
      segPC: course("The student on translated images"),
    }),
    gan: choice(
      ["least-squares", "log"],
      "least-squares",
      "Adversarial loss: as CycleGAN trains, or as the paper writes",
    ),
    distillation: group("How the student follows the teacher", {
      by: choice(["hints", "outputs"], "hints", "What is compared: features, or outputs softened by a temperature"),
      norm: choice(
        ["mean", "frobenius", "variance"],
        "mean",
        "How hint differences are reduced: to their mean square, the sum of squares as the paper writes, or parts of the features' variance",
      ),
      temperature: number(0.5, { above: 0 }, "Temperature that softens the outputs"),
    }),
    contextual: group("Contextual loss, equation 3", {
      bandWidth: number(0.5, { above: 0 }, "Band width h"),
      best: choice(
        ["source", "target"],
        "source",
        "What each match is the best of: source as in published code, target as the paper prints the indices",
      ),
    }),
  }),
  optimization: group("Adam, and how long to train", {
    rates: group("Learning rates", {
      G: rate(1e-4, "Translators"),
      D: rate(1e-4, "Discriminators"),
      S: rate(2e-4, "Segmentors"),
    }),
    betas: pair([0.5, 0.999], { from: 0, below: 1 }, "Decay rates of Adam's two moments"),
    amsgrad: choice([false, true], false, "Whether to use AMSGrad instead of Adam"),
    weightDecay: number(0, { from: 0 }, "L2 weight decay"),
    proximal: number(0, { from: 0 }, "FedProx's μ: how strongly the student is drawn to the weights it started from"),
    batch: whole(2, { from: 1 }, "Images of each modality in a step"),
    accumulate: whole(1, { from: 1 }, "Steps whose gradients are averaged into one update"),
    epochs: whole(100, { from: 1 }, "Most epochs to train"),
    steps: orNull(whole(1, { from: 1 }, "Steps of an epoch; null: as many as it takes to see the longer set once")),
    decayFrom: orNull(
      whole(
        0,
        { from: 0 },
        "Epoch from which the rates fall linearly to 0 at the end of the last epoch; null: constant rates",
      ),
    ),
    clip: orNull(number(1, { above: 0 }, "Largest norm of an optimizer's whole gradient; null: no clipping")),
    ema: orNull(
      number(
        0.999,
        { above: 0, below: 1 },
        "Decay of a moving average of the weights, for validation and prediction; null: the weights themselves",
      ),
    ),
    precision: choice(
      ["f32", "mixed"],
      "f32",
      "f32, or mixed: activations in half precision, with the losses scaled so that gradients do not vanish",
    ),
    patience: orNull(
      whole(10, { from: 1 }, "Epochs without a lower validation loss after which training stops; null: never"),
      10,
    ),
    pool: whole(50, { from: 0 }, "Size of each discriminator's history of generated images; 0: no history"),
    statistics: choice(
      ["running", "batch"],
      "running",
      "Statistics that batch norm uses at validation and prediction: running averages, or those of each image at hand",
    ),
  }),
  augmentation: group("Random changes of each slice; all 0: slices as they are", {
    flip: part(0.5, "Probability of a left-right flip"),
    degrees: number(10, { from: 0, to: 180 }, "Largest rotation either way, in degrees"),
    scale: number(0.1, { from: 0, below: 1 }, "Largest change of scale either way, as a fraction"),
    elastic: number(
      0.02,
      { from: 0, below: 1 },
      "Largest displacement of an elastic deformation's control points, as a fraction of the image's side",
    ),
    elasticGrid: whole(4, { from: 2 }, "Control points of an elastic deformation along a side"),
    intensity: group("Random changes of an image's values, which lie within −1 … 1 and are clamped to it", {
      contrast: number(0, { from: 0, below: 1 }, "Largest change of the factor of all values either way"),
      brightness: number(0, { from: 0, to: 1 }, "Largest shift of all values either way"),
      gamma: number(0, { from: 0, below: 1 }, "Largest change of the power of values brought to 0 … 1, either way"),
    }),
  }),
  saveEvery: orNull(whole(1, { from: 1 }, "Steps between checkpoints within an epoch; null: only at each epoch's end")),
  cases: group("Ids of the cases in each set; filled in when a run starts", {
    studentTrain: ids("Cases that train the student"),
    studentVal: ids("Cases that validate the student"),
    teacherTrain: ids("Cases that train the teacher"),
  }),
};

/** What `tell` gives of each segmentor: "a, b or c". */
function ofEach(tell: (name: string, row: SegmentorRow) => string): string {
  const told = SEGMENTORS.map((name) => tell(name, segmentorRow(name)));
  return told.join(", ").replace(/, ([^,]*)$/, " or $1");
}
