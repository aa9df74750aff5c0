// A trained model as one file: a zip of the configuration, the weights of the networks that are used, what the training
// images are like, and a card for people. The same model gives the same bytes.
import { zipSync } from "fflate";
import { DataError } from "../data/errors.ts";
import { readSafetensors, toFloat32, writeSafetensors } from "../data/weights/safetensors.ts";
import { Zip, isZip } from "../data/weights/zip.ts";
import { UsageError } from "../engine/index.ts";
import { StateDictError } from "../models/pytorch.ts";
import { type Checkpoint, keptStateDict } from "./checkpoint.ts";
import { ConfigError, readConfig } from "./config/check.ts";
import { PAPER_CONFIG, SCHEMA, type TrainConfig } from "./config/config.ts";
import { type Fields, isGroup } from "./config/fields.ts";
import { type CardFacts, cardOf } from "./model-card.ts";
import { makeRegime } from "./regimes/make.ts";
import { type RunStatistics, parseStatistics } from "./statistics.ts";
import { networksInUse, trainedRegime } from "./volumes/trained-regime.ts";

const CONFIG = "config.json";
const WEIGHTS = "weights.safetensors";
const STATISTICS = "statistics.json";
const CARD = "card.md";
/** The most bytes of a text within. */
const MOST_TEXT = 1 << 20;
/** Weights hardly shrink when they are packed; what claims to have shrunk more is none. */
const MOST_SHRUNK = 16;
const AGAIN = "export the model again";

/** What a model is written from. */
export interface ModelToZip extends CardFacts {
  readonly checkpoint: Pick<Checkpoint, "tensors" | "progress">;
}

/** What a zip holds of a model. */
export interface ModelZip {
  /** Without paths, and without the ids of cases. */
  readonly config: TrainConfig;
  /**
   * Of each network that is used, NETWORK.NAME in PyTorch's names and layouts; moving averages where there were any.
   */
  readonly tensors: Checkpoint["tensors"];
  /** What the training images are like, where the run measured it. */
  readonly statistics: RunStatistics | undefined;
  /** For people, in Markdown. */
  readonly card: string;
}

/**
 * The zip of a trained model: of a run that a plan made whole. Throws StateDictError where the weights are not the
 * configuration's, UsageError where that is not whole.
 */
export function writeModelZip({ checkpoint, ...facts }: ModelToZip): Uint8Array<ArrayBuffer> {
  const { config, statistics } = facts;
  const lacking = lackOf(config);
  if (lacking) throw new UsageError(`${lacking.join(" ")}; give the configuration of a run that was started`);
  const names = Object.keys(networksInUse(trainedRegime(config, checkpoint)));
  const tensors = names.flatMap((network) =>
    [...keptStateDict(checkpoint.tensors, network)].map(
      ([name, { shape, data }]) => [`${network}.${name}`, { shape, data: Float32Array.from(data) }] as const,
    ),
  );
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const json = (value: object): Uint8Array => text(`${JSON.stringify(value, null, 2)}\n`);
  return zipSync(
    {
      [CONFIG]: json(shared(config)),
      [WEIGHTS]: [writeSafetensors(tensors), { level: 0 }],
      ...(statistics && { [STATISTICS]: json(statistics) }),
      [CARD]: text(cardOf(facts, checkpoint.progress, names)),
    },
    { mtime: "1980-01-01T00:00:00" },
  ) as Uint8Array<ArrayBuffer>;
}

/** A configuration as it leaves the place where it was used: without paths and the names of patients. */
function shared(config: TrainConfig): TrainConfig {
  const { cases } = PAPER_CONFIG;
  return { ...(withoutPaths(SCHEMA, config) as TrainConfig), cases };
}

function withoutPaths(fields: Fields, values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, node]) => {
      const value = values[name];
      if (isGroup(node)) return [name, withoutPaths(node.fields, value as Record<string, unknown>)];
      return [name, "isPath" in node && node.isPath ? node.default : value];
    }),
  );
}

/** Whether a file is a model's zip, by its bytes: a .pth is a zip too. Throws DataError where a zip is damaged. */
export function isModelZip(bytes: Uint8Array, file: string): boolean {
  if (!isZip(bytes)) return false;
  const zip = new Zip(bytes, file);
  return zip.has(CONFIG) && zip.has(WEIGHTS);
}

/**
 * The model of a zip that `writeModelZip` made; `file` is what errors call it. What else the zip holds is left unread.
 * Throws DataError, which names the file within, where one is missing, damaged, larger than it may be or not as it must
 * be, and where names lead out of the zip.
 */
export function readModelZip(bytes: Uint8Array, file = "model.zip"): ModelZip {
  if (!isZip(bytes))
    throw new DataError(
      file,
      "zip",
      "does not begin as a zip does",
      "give a run's folder, or the zip that `cmedl export RUN model.zip` makes: weights alone do not say how images are read",
    );
  const zip = new Zip(bytes, file);
  const astray = zip.names.find(leadsOut);
  if (astray !== undefined)
    throw new DataError(file, "zip directory", `names ${astray}, which is outside of it`, "do not trust this file");
  const config = configOf(textOf(zip, CONFIG), `${file}/${CONFIG}`);
  return {
    config,
    tensors: tensorsOf(zip, config),
    statistics: zip.has(STATISTICS) ? parseStatistics(textOf(zip, STATISTICS), `${file}/${STATISTICS}`) : undefined,
    card: zip.has(CARD) ? textOf(zip, CARD) : "",
  };
}

/** Whether a name is absolute, or climbs. */
const leadsOut = (name: string): boolean => /^([/\\]|[A-Za-z]:)/.test(name) || name.split(/[/\\]/).includes("..");

function textOf(zip: Zip, name: string): string {
  if (zip.has(name) && zip.sizeOf(name) > MOST_TEXT)
    throw new DataError(
      zip.file,
      `zip entry ${name}`,
      `has ${zip.sizeOf(name)} bytes; at most ${MOST_TEXT} are read`,
      AGAIN,
    );
  return new TextDecoder().decode(zip.read(name));
}

function configOf(text: string, file: string): TrainConfig {
  try {
    const config = readConfig(JSON.parse(text), PAPER_CONFIG);
    const lacking = lackOf(config);
    if (!lacking) return config;
    throw new DataError(file, ...lacking, AGAIN);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    if (cause instanceof ConfigError)
      throw new DataError(file, cause.path.join(".") || "content", cause.problem, cause.mend, { cause });
    throw new DataError(file, "content", "is no JSON", AGAIN, { cause });
  }
}

/** What a configuration lacks of one that was planned whole: the field's name and the problem. */
function lackOf(config: TrainConfig): [field: string, problem: string] | undefined {
  const { fieldMm, studentIntensity, teacherIntensity } = config.data;
  if (fieldMm === null) return ["data.fieldMm", "is null; a model is for images of one size"];
  const rules = { studentIntensity, ...(makeRegime(config).inputs.includes("xM") && { teacherIntensity }) };
  for (const [name, rule] of Object.entries(rules))
    if (rule.kind === "histogram" && rule.landmarks === null)
      return [`data.${name}.landmarks`, "are null; they are learned when a run starts"];
  return undefined;
}

function tensorsOf(zip: Zip, config: TrainConfig): ModelZip["tensors"] {
  const file = `${zip.file}/${WEIGHTS}`;
  if (zip.has(WEIGHTS) && zip.sizeOf(WEIGHTS) > MOST_SHRUNK * zip.bytes.length)
    throw new DataError(
      file,
      "size",
      `is said to be ${zip.sizeOf(WEIGHTS)} bytes of a file of ${zip.bytes.length}`,
      AGAIN,
    );
  const held = readSafetensors(zip.read(WEIGHTS), file).tensors;
  // Every block has a tensor of its own: a configuration that asks for more is refused before they are made.
  const { generator, drit } = config.networks;
  if (Math.max(generator.blocks, drit.blocks) > held.size)
    throw new DataError(file, "tensors", `are ${held.size}, fewer than the blocks that ${CONFIG} tells of`, AGAIN);
  const tensors = new Map([...held].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
  try {
    trainedRegime(config, { tensors });
  } catch (cause) {
    if (!(cause instanceof StateDictError)) throw cause;
    throw new DataError(file, "tensors", `are not those of ${CONFIG}: ${cause.message}`, AGAIN, { cause });
  }
  return tensors;
}
