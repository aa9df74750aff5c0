// Flags that set fields of the configuration: each names its fields, and the schema checks them. With a preset and a
// file they make the configuration of a command line.
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { lungWindow, softTissueWindow } from "../data/intensity.ts";
import { ConfigError, type Path, nodeAt } from "../train/config/check.ts";
import { isGroup } from "../train/config/fields.ts";
import { SEGMENTORS, type TrainConfig } from "../train/config/config.ts";
import { type Layer, PRESETS, layeredConfig, presetOf } from "../train/config/presets.ts";
import { parseValue, readConfigFile } from "../node/config-file.ts";
import { CommandError } from "../node/errors.ts";
import type { Oddness } from "../node/run/statistics.ts";

interface FieldFlag {
  readonly flags: string;
  readonly fields: readonly string[];
  readonly says: string;
  /** What a shell completes; the schema judges what is given. */
  readonly words?: readonly string[];
  /** What the text on the command line means; a value of YAML unless told. */
  read?(text: string): unknown;
}

const path = (text: string): string => resolve(text);
const list = (text: string): unknown => text.split(",").map((t) => parseValue(t.trim()));
const widths = ["segmentor", "generator", "discriminator", "drit", "features", "alpha"].map(
  (n) => `networks.${n}.width`,
);

const FLAGS: readonly FieldFlag[] = [
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
    fields: ["data.labels"],
    read: list,
    says: "labels that are segmented, each as a class of its own",
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
const PLAIN = [
  "flip",
  "degrees",
  "scale",
  "elastic",
  "intensity.contrast",
  "intensity.brightness",
  "intensity.gamma",
].map((n) => `augmentation.${n}`);

/** The flags that set fields, as commander gives them. */
export type FlagValues = Readonly<Record<string, unknown>> & {
  readonly set?: readonly string[];
  readonly augment?: boolean;
};

/** With the flag that names a preset. */
export type ConfigFlags = FlagValues & { readonly preset?: string; readonly regime?: string };

/** Adds the flag that names a preset; `--regime` is its former name. */
export function addPresetFlag(command: Command): void {
  command
    .addOption(
      completing(
        new Option("--preset <word>", `what to train: ${Object.keys(PRESETS).join(", ")} (cmedl)`),
        Object.keys(PRESETS),
      ),
    )
    .addOption(new Option("--regime <word>").hideHelp());
}

/** Words that a shell completes, of an option that takes others too or judges them later. */
function completing(option: Option, words?: readonly string[]): Option {
  if (words) option.argChoices = [...words];
  return option;
}

/** Adds --force to a command that reads images to train on. */
export const addForceFlag = (command: Command): Command =>
  command.option("--force", "train on images though they are plainly not in the unit that they are scaled by");

/** What is done with images that are plainly odd, by --force. */
export const oddness = ({ force }: { readonly force?: boolean }): Oddness => (force ? "say" : "refuse");

/** Adds the flags to a command, but for those that the command has of its own kind. */
export function addConfigFlags(command: Command, { without = [] }: { without?: readonly string[] } = {}): void {
  for (const { flags, says, words } of FLAGS)
    if (!without.some((flag) => flags.startsWith(`${flag} `)))
      command.addOption(completing(new Option(flags, says), words));
  command
    .option("--no-augment", "train on the slices as they are")
    .option(
      "--set <field=value>",
      "any field of the configuration, as in --set optimization.clip=1; may be given again",
      (text: string, before: string[] = []) => [...before, text],
    );
}

/** What the flags that were given say, each as a layer that names its flag in a mistake. Throws CommandError. */
export function flagLayers(values: FlagValues): Layer[] {
  const layers = FLAGS.flatMap(({ flags, fields, read = parseValue }) => {
    const option = new Option(flags);
    const text = values[option.attributeName()];
    return typeof text === "string" ? [layerOf(`${option.long} ${text}`, fields, () => read(text))] : [];
  });
  if (values.augment === false) layers.push(layerOf("--no-augment", PLAIN, () => 0));
  for (const text of values.set ?? []) {
    const equals = text.indexOf("=");
    const field = text.slice(0, equals).trim();
    if (equals < 1) throw new CommandError("usage", `--set ${text}: gives no value; write --set optimization.batch=4`);
    layers.push(layerOf(`--set ${text}`, [field], () => valueOf(field, text.slice(equals + 1))));
  }
  return layers;
}

/**
 * The configuration that a command line asks for: the flags over the file over the preset, which the flag or the file
 * names. Throws CommandError, or DataError with the file's line.
 */
export async function configFrom(file: string | undefined, flags: ConfigFlags): Promise<TrainConfig> {
  const given = file === undefined ? undefined : await fileLayer(file);
  let preset = given?.preset ?? "cmedl";
  let blame: Layer["locate"] = given?.preset === undefined ? (error) => error : given.layer.locate;
  const [flag, word] = flags.preset === undefined ? ["--regime", flags.regime] : ["--preset", flags.preset];
  if (word !== undefined) {
    preset = word;
    blame = ({ mend }) => new CommandError("usage", `${flag} ${word}: ${mend}`);
  }
  try {
    return layeredConfig(presetOf(preset), [...(given ? [given.layer] : []), ...flagLayers(flags)]);
  } catch (error) {
    throw error instanceof ConfigError ? blame(error) : error;
  }
}

/** A file's fields. Its regime, where it is a word, names a preset too, over which goes what else the file says. */
async function fileLayer(file: string): Promise<{ preset: string | undefined; layer: Layer }> {
  const { value, locate } = await readConfigFile(file);
  if (!isObject(value)) return { preset: undefined, layer: { value, locate } };
  const { regime, ...rest } = value;
  return typeof regime === "string"
    ? { preset: regime, layer: { value: rest, locate } }
    : { preset: undefined, layer: { value, locate } };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Flags that a resumed run takes: it keeps its configuration, but for how long it goes on and where its data lies. */
const ON_RESUME = ["--epochs", "--save-every", "--student", "--teacher"];

/** Throws CommandError where a flag was given that would change a resumed run. */
export function refuseOnResume(values: ConfigFlags): void {
  const options = FLAGS.map(({ flags }) => new Option(flags));
  const given = options.filter((option) => values[option.attributeName()] !== undefined).map((option) => option.long!);
  if (values.augment === false) given.push("--no-augment");
  if (values.set) given.push("--set");
  if (values.preset !== undefined) given.push("--preset");
  if (values.regime !== undefined) given.push("--regime");
  const refused = given.find((flag) => !ON_RESUME.includes(flag));
  if (refused !== undefined)
    throw new CommandError(
      "usage",
      `${refused} does not go with --resume: a run keeps its configuration; ` +
        `give ${ON_RESUME.join(" and ")} only, or start a new run from its config.yaml`,
    );
}

function layerOf(flag: string, fields: readonly string[], read: () => unknown): Layer {
  const locate = ({ path, problem, mend }: ConfigError): Error => {
    const field = path.join(".");
    const isOwn = field === "" || fields.includes(field);
    // "--size 50: is 50" would say it twice.
    const isSaid = isOwn && problem.startsWith("is ");
    const parts = [...(isOwn ? [] : [`${field}: `]), ...(isSaid ? [] : [`${problem}; `]), mend];
    return new CommandError("usage", `${flag}: ${parts.join("")}`);
  };
  try {
    const value = read();
    return { value: fields.reduce<object>((all, field) => merged(all, nested(field.split("."), value)), {}), locate };
  } catch (error) {
    throw error instanceof ConfigError ? locate(error) : error;
  }
}

/** { a: { b: value } } of the names a and b. */
const nested = (names: readonly string[], value: unknown): object =>
  names.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as object;

function merged(a: object, b: object): object {
  const both = { ...a } as Record<string, unknown>;
  for (const [name, v] of Object.entries(b))
    both[name] =
      typeof both[name] === "object" && typeof v === "object" ? merged(both[name] as object, v as object) : v;
  return both;
}

/** A value for a field: paths are taken as they stand and made absolute. */
function valueOf(field: string, text: string): unknown {
  const at: Path = field.split(".");
  const node = nodeAt(at);
  if (isGroup(node))
    throw new ConfigError(
      at,
      "names several fields",
      `give one of them, such as ${field}.${Object.keys(node.fields)[0]}=…`,
    );
  return "isPath" in node && node.isPath && text !== "null" && text !== "" ? resolve(text) : parseValue(text);
}

/** What a word, a percentile or two values say of how images are scaled. */
function intensityOf(text: string): unknown {
  if (text === "soft") return softTissueWindow;
  if (text === "lung") return lungWindow;
  if (text === "histogram") return { kind: "histogram" };
  if (/^[\d.]+ ?%$/.test(text)) return { kind: "percentile", percentile: Number.parseFloat(text) };
  const bounds = text.split(",").map(Number);
  const [low = NaN, high = NaN] = bounds;
  if (bounds.length > 2 || !(low < high))
    throw new ConfigError(
      [],
      "is no window",
      "give soft, lung, histogram, a percentile such as 99.5%, or two values such as -160,240",
    );
  return { kind: "window", low, high };
}
