// Flags that set fields of the configuration: each names its fields, and the schema checks them. With a preset and a
// file they make the configuration of a command line.
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { ConfigError, type Path, nodeAt } from "../train/config/check.ts";
import { isGroup } from "../train/config/fields.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { type Layer, PRESETS, layeredConfig, presetOf } from "../train/config/presets.ts";
import { parseValue, readConfigFile } from "../node/config-file.ts";
import { CommandError } from "../node/errors.ts";
import type { Oddness } from "../node/run/odd-images.ts";
import { completing } from "./completion-words.ts";
import { FIELD_FLAGS } from "./field-flags.ts";

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

/** Adds --force to a command that reads images to train on. */
export const addForceFlag = (command: Command): Command =>
  command.option("--force", "train on images though they are plainly not in the unit that they are scaled by");

/** What is done with images that are plainly odd, by --force. */
export const oddness = ({ force }: { readonly force?: boolean }): Oddness => (force ? "say" : "refuse");

/** Adds the flags to a command, but for those that the command has of its own kind. */
export function addConfigFlags(command: Command, { without = [] }: { without?: readonly string[] } = {}): void {
  for (const { flags, says, words } of FIELD_FLAGS)
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
  const layers = FIELD_FLAGS.flatMap(({ flags, fields, read = (given: string) => parseValue(given) }) => {
    const option = new Option(flags);
    const text = values[option.attributeName()];
    return typeof text === "string" ? [layerOf(`${option.long} ${text}`, fields, (field) => read(text, field))] : [];
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
    blame = ({ path, problem, mend }) => {
      // Of a word that is no preset the mend says all.
      const what = path.length > 1 ? `${path.join(".")} ${problem} there; ${mend}, or set it too` : mend;
      return new CommandError("usage", `${flag} ${word}: ${what}`);
    };
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
  const options = FIELD_FLAGS.map(({ flags }) => new Option(flags));
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

function layerOf(flag: string, fields: readonly string[], read: (field: string) => unknown): Layer {
  const locate = ({ path, problem, mend }: ConfigError): Error => {
    const field = path.join(".");
    const isOwn = field === "" || fields.includes(field);
    // "--size 50: is 50" would say it twice.
    const isSaid = isOwn && problem.startsWith("is ");
    const parts = [...(isOwn ? [] : [`${field}: `]), ...(isSaid ? [] : [`${problem}; `]), mend];
    return new CommandError("usage", `${flag}: ${parts.join("")}`);
  };
  try {
    const value = fields.reduce<object>((all, field) => merged(all, nested(field.split("."), read(field))), {});
    return { value, locate };
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
