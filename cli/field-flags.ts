// The flags that set a field of the configuration, or several: what each is for, and how its text is read. The schema
// judges the values.
import { resolve } from "node:path";
import { lungWindow, softTissueWindow } from "../data/intensity.ts";
import { parseValue } from "../node/config-file.ts";
import { ConfigError } from "../train/config/check.ts";
import { SEGMENTORS } from "../train/config/config.ts";

export interface FieldFlag {
  readonly flags: string;
  readonly fields: readonly string[];
  readonly says: string;
  /** What a shell completes; the schema judges what is given. */
  readonly words?: readonly string[];
  /** What the text on the command line means for a field; a value of YAML unless told. */
  read?(text: string, field: string): unknown;
}

const path = (text: string): string => resolve(text);
const widths = ["segmentor", "generator", "discriminator", "drit", "features", "alpha"].map(
  (n) => `networks.${n}.width`,
);

export const FIELD_FLAGS: readonly FieldFlag[] = [
  {
    flags: "--student <folder>",
    fields: ["data.student"],
    read: path,
    says: "images and label masks of the modality that is segmented in the end: CT in the paper's main experiment",
  },
  {
    flags: "--teacher <folder>",
    fields: ["data.teacher"],
    read: path,
    says:
      "images and label masks of the modality that teaches, of other patients; " +
      "not needed by regimes without a teacher",
  },
  { flags: "--size <pixels>", fields: ["data.size"], says: "side of the training images (256)" },
  {
    flags: "--field <mm>",
    fields: ["data.fieldMm"],
    says: "side of the square cut out round a slice's centre (the median short side)",
  },
  {
    flags: "--field-at <place>",
    fields: ["data.fieldAt"],
    read: (text) => text,
    says: "where that square lies in training: centre, or tumour: so that it encloses tumour and chest wall (centre)",
  },
  {
    flags: "--slices <which>",
    fields: ["data.slices"],
    read: (text) => text,
    says: "slices of CT besides those with foreground: all, or lung: those that hold lung, as the paper tests on (all)",
  },
  {
    flags: "--segmentor <name>",
    fields: ["networks.segmentor.kind"],
    words: SEGMENTORS,
    read: (text) => text,
    says: `${SEGMENTORS.join(", ")} (unet)`,
  },
  {
    flags: "--width <channels>",
    fields: widths,
    says: "channels at full resolution of every network (64; segmentors: their own)",
  },
  {
    flags: "--blocks <n>",
    fields: ["networks.generator.blocks"],
    says: "residual blocks of a translator (9 at 256, 6 at 128, 4 below)",
  },
  {
    flags: "--layers <n>",
    fields: ["networks.discriminator.layers"],
    says: "stride-2 layers of a discriminator (3, below 64 pixels 2)",
  },
  { flags: "--batch <n>", fields: ["optimization.batch"], says: "images of each modality in a step (2)" },
  {
    flags: "--epochs <n>",
    fields: ["optimization.epochs"],
    says: "most epochs to train (100); a resumed run may be given more",
  },
  { flags: "--steps <n>", fields: ["optimization.steps"], says: "steps of an epoch (one round of the longer set)" },
  {
    flags: "--precision <kind>",
    fields: ["optimization.precision"],
    words: ["f32", "mixed"],
    read: (text) => text,
    says: "f32, or mixed: activations in half precision",
  },
  { flags: "--save-every <n>", fields: ["saveEvery"], says: "also save a checkpoint every n steps" },
  { flags: "--seed <n>", fields: ["seed"], says: "seed of every random choice (0)" },
  {
    flags: "--label <n>",
    fields: ["data.labels"],
    read: (text) => [parseValue(text)],
    says: "the label that is segmented, where masks hold several",
  },
  {
    flags: "--labels <a,b,…>",
    fields: ["data.labels", "data.names"],
    read: labelsOrNames,
    says: "labels that are segmented, each as a class of its own; with their names as liver=1,spleen=4",
  },
  {
    flags: "--window <rule>",
    fields: ["data.studentIntensity"],
    words: ["soft", "lung", "histogram"],
    read: intensityOf,
    says:
      "how the student's images are scaled: by a window (low,high in HU; soft: -160,240; lung: -1000,500), " +
      "a percentile (99.5%), or histogram: standardized to the images that train",
  },
  {
    flags: "--teacher-window <rule>",
    fields: ["data.teacherIntensity"],
    words: ["soft", "lung", "histogram"],
    read: intensityOf,
    says: "the same of the teacher's images (99.5%)",
  },
  {
    flags: "--splits <file>",
    fields: ["data.splits"],
    read: path,
    says:
      "JSON of training and validation cases " +
      "(splits.json in or beside the student's folder, else by patient from the seed)",
  },
  {
    flags: "--fold <i/k>",
    fields: ["data.fold"],
    read: (text) => (text.includes("/") ? text.split("/").map((part) => parseValue(part)) : parseValue(text)),
    says: "validate by fold i of k drawn by patient, whatever splits there are; i alone: by that of the file of splits",
  },
  {
    flags: "--vgg <file>",
    fields: ["networks.features.file"],
    read: path,
    says: "ImageNet weights of VGG19, .safetensors or .pth, with torchvision's names (random weights from the seed)",
  },
  {
    flags: "--init <run|file>",
    fields: ["init"],
    read: path,
    says: "start from a run's weights (all networks of equal names), or a file's, .safetensors or .pth (the student)",
  },
];

/** "1,2" are labels without names, "liver=1,spleen=2" labels and their names. */
function labelsOrNames(text: string, field: string): unknown {
  const parts = text.split(",").map((part) => part.trim());
  const named = parts.map((part) => /^(?:(.*\S)\s*=\s*)?([^=]*)$/.exec(part) ?? ["", undefined, part]);
  if (field === "data.labels") return named.map(([, , label = ""]) => parseValue(label));
  const names = named.map(([, name]) => name);
  if (names.every((name) => name === undefined)) return null;
  if (names.every((name) => name !== undefined)) return names;
  throw new ConfigError(["data", "names"], "names some of the labels only", "name all of them, or none");
}

const isNumber = (text: string): boolean => text.trim() !== "" && Number.isFinite(Number(text));

/** What a word, a percentile or two values say of how images are scaled. */
function intensityOf(text: string): unknown {
  if (text === "soft") return softTissueWindow;
  if (text === "lung") return lungWindow;
  if (text === "histogram") return { kind: "histogram" };
  const [number, percent, ...others] = text.split("%");
  if (percent?.trim() === "" && others.length === 0 && isNumber(number!))
    return { kind: "percentile", percentile: Number(number) };
  const bounds = text.split(",");
  const [low, high] = bounds.map(Number) as [number, number];
  if (bounds.length !== 2 || !bounds.every(isNumber) || !(low < high))
    throw new ConfigError(
      [],
      "is no window",
      "give soft, lung, histogram, a percentile such as 99.5%, or two values such as -160,240",
    );
  return { kind: "window", low, high };
}
