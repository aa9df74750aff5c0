// Every choice of a training run, described once: its kind, its range, its meaning, and the paper's value as its
// default. Types, checks, defaults, comments of config.yaml and docs/configuration.md follow from here. Where the
// paper is silent or differs from published code, docs/equations.md says what was chosen.
import { type IntensityRule, mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import { HINT_LEVELS } from "../../models/segmentor.ts";
import { PAPER_TAPS } from "../../models/vgg.ts";
import { SEGMENTORS } from "../../models/zoo.ts";
import { REGIMES } from "../regimes/registry.ts";
import { choice, type Field, group, listOf, number, orNull, pair, path, variants, whole } from "./fields.ts";
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
const ids = (says: string) => listOf(text, [], {}, says);
const intensity = (value: IntensityRule, says: string) =>
  variants<IntensityRule>(
    {
      window: {
        low: number(0, {}, "What becomes −1, in the image's unit: HU for CT"),
        high: number(0, {}, "What becomes 1"),
      },
      percentile: {
        percentile: number(
          0,
          { above: 50, to: 100 },
          "What becomes 1; 0 becomes −1, or the mirrored percentile where that is negative",
        ),
      },
    },
    value,
    says,
  );

export const SCHEMA = {
  version: choice([2], 2, "Of this form"),
  regime: choice(REGIMES, "cmedl", "What is trained; `cmedl presets` has a sentence on each"),
  seed: whole(0, { from: 0 }, "Every random choice follows from it"),
  data: group("C is the modality that is segmented in the end, the student's; M the one that teaches", {
    student: path("Folder of images and masks of the modality that is segmented in the end"),
    teacher: path("Folder of the modality that teaches, of other patients"),
    splits: orNull(
      path("JSON of training and validation cases; null: found beside the data, else by patient from the seed"),
    ),
    size: whole(256, { from: 32, to: 4096 }, "Side of the images in pixels"),
    fieldMm: orNull(
      number(0, { above: 0 }, "Side of what is cut out round a slice's centre, in mm; null: the median short side"),
    ),
    studentIntensity: intensity(
      softTissueWindow,
      "What is scaled to −1 … 1: a window (low, high) or a percentile of each volume",
    ),
    teacherIntensity: intensity(mrPercentile, "The same for the teacher's images"),
    labels: orNull(
      listOf(
        whole(1, { from: 1, to: 32767 }, ""),
        [],
        { from: 1, to: 254 },
        "Values of the masks that are the classes 1, 2, …; null: one structure, the only value besides 0",
      ),
    ),
    negatives: number(0.25, { from: 0 }, "Slices without foreground, as a part of those with"),
  }),
  networks: group("Sizes of the networks; a width is the channels at full resolution", {
    segmentor: group("Student and teacher alike", {
      kind: choice(SEGMENTORS, "unet", "Fig. 2 (a), (b), (c)"),
      width: orNull(width(1, "null: the network's own, 64, 48 or 32")),
      hints: choice(
        HINT_LEVELS,
        "high",
        "Layers that distillation ties: first two convolutions, bottleneck, last two stages",
      ),
    }),
    generator: group("CycleGAN's translators", {
      width: width(64, "Channels at full resolution"),
      blocks: whole(
        9,
        { from: 0 },
        "Residual blocks; `cmedl train` takes 6 below 256 pixels and 4 below 128 where none are given",
      ),
    }),
    discriminator: group("PatchGAN", {
      width: width(64, "Channels of the first layer"),
      layers: whole(3, { from: 1 }, "Layers of stride 2; `cmedl train` takes 2 below 64 pixels where none are given"),
    }),
    drit: group("DRIT's translators, of vae-cmedl and pmri-drit", {
      width: width(64, "Channels at full resolution"),
      blocks: whole(4, { from: 1 }, "Residual blocks on a generator's path"),
      styles: whole(8, { from: 1 }, "Length of a style"),
    }),
    features: group("VGG of the contextual loss", {
      layers: choice([16, 19], 19, "The paper's feature sizes are VGG19's, its text names VGG16"),
      file: orNull(path("ImageNet weights under torchvision's names; null: random ones from the seed")),
      width: width(64, "Channels of the first stage; a file's own where one is given"),
      taps: listOf(layer, PAPER_TAPS, { from: 1, to: 16 }, "Convolutions whose features are compared"),
    }),
    alpha: group("ResNet18 that gives α of weighted-ct+pmri", { width: width(64, "Channels of the first stage") }),
  }),
  losses: group("What is minimised, equations 1 to 14", {
    weights: group("λ of each term; a term of weight 0 is not computed", WEIGHT_FIELDS),
    gan: choice(["least-squares", "log"], "least-squares", "As CycleGAN trains, or as the paper writes it"),
    distillation: group("How the student follows the teacher", {
      by: choice(["hints", "outputs"], "hints", "Features, or outputs softened by a temperature"),
      norm: choice(["mean", "frobenius"], "mean", "Of the hints: mean square, or the paper's sum"),
      temperature: number(0.5, { above: 0 }, "T of the outputs"),
    }),
    contextual: group("Of equation 3", {
      bandWidth: number(0.5, { above: 0 }, "h"),
      best: choice(["source", "target"], "source", "As published code has it, or the indices as the paper prints them"),
    }),
  }),
  optimization: group("Adam, and how long", {
    rates: group("Learning rates", {
      G: rate(1e-4, "Translators"),
      D: rate(1e-4, "Discriminators"),
      S: rate(2e-4, "Segmentors"),
    }),
    betas: pair([0.5, 0.999], { from: 0, below: 1 }, "Decay of Adam's moments"),
    amsgrad: choice([false, true], false, "AMSGrad instead of Adam"),
    weightDecay: number(0, { from: 0 }, "L2"),
    batch: whole(2, { from: 1 }, "Images of each modality in a step"),
    accumulate: whole(1, { from: 1 }, "Steps whose gradients make one update"),
    epochs: whole(100, { from: 1 }, "At most"),
    steps: orNull(whole(1, { from: 1 }, "Steps of an epoch; null: one round of the longer set")),
    decayFrom: orNull(
      whole(0, { from: 0 }, "Epoch from which the rates fall linearly to 0 at the last one's end; null: constant"),
    ),
    clip: orNull(number(1, { above: 0 }, "Largest norm of an optimizer's whole gradient; null: as it is")),
    ema: orNull(
      number(
        0.999,
        { above: 0, below: 1 },
        "Decay of the moving average of weights that validation and prediction use; null: the weights themselves",
      ),
    ),
    precision: choice(["f32", "mixed"], "f32", "mixed: activations in half precision, losses scaled as they need"),
    patience: orNull(
      whole(10, { from: 1 }, "Epochs without a lower validation loss after which training stops; null: never"),
      10,
    ),
    pool: whole(50, { from: 0 }, "Generated images that each discriminator's history holds"),
    statistics: choice(
      ["running", "batch"],
      "running",
      "Batch norm at validation and prediction: running averages, or statistics of the images at hand",
    ),
  }),
  augmentation: group("What is drawn anew for each slice; all 0: slices as they are", {
    flip: part(0.5, "Probability of a left-right flip"),
    degrees: number(10, { from: 0, to: 180 }, "Rotation within ± this"),
    scale: number(0.1, { from: 0, below: 1 }, "Scaling within 1 ± this"),
    elastic: number(
      0.02,
      { from: 0, below: 1 },
      "Elastic: displacement of a random field's points, in parts of the image's side",
    ),
    elasticGrid: whole(4, { from: 2 }, "Elastic: points along a side"),
  }),
  saveEvery: orNull(whole(1, { from: 1 }, "Steps between checkpoints within an epoch; null: at each epoch's end")),
  cases: group("Ids of the cases as they were split; filled in when a run starts", {
    studentTrain: ids("Train the student"),
    studentVal: ids("Validate it"),
    teacherTrain: ids("Train the teacher"),
  }),
};
