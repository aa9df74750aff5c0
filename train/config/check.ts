// Strict reading of a configuration: what is given is laid over a whole one; whatever the schema does not know is
// refused.
import { type Field, type Fields, type Node, isGroup, isVariants } from "./fields.ts";
import { type IntensityRule, isHu } from "../../data/intensity.ts";
import { CmedlError } from "../../engine/index.ts";
import { segmentorRow } from "../../models/zoo.ts";
import { SCHEMA, type TrainConfig, structuresOf } from "./config.ts";

export type Path = readonly (string | number)[];

/** What is wrong with a configuration: where, what was found, what would be right. */
export class ConfigError extends CmedlError {
  override readonly name = "ConfigError";
  constructor(
    readonly path: Path,
    readonly problem: string,
    readonly mend: string,
  ) {
    super("config", `${path.length ? `${path.join(".")}: ` : ""}${problem}; ${mend}`);
  }
}

/**
 * `value`, a plain object with some of a configuration's fields, laid over `base` and checked: each value by its
 * field, and those that depend on one another. Lists are taken whole. Throws ConfigError at the first mistake.
 */
export function readConfig(value: unknown, base: TrainConfig): TrainConfig {
  const config = mergeConfig(value, base);
  checkTogether(config);
  return config;
}

/** The same for a configuration that is not whole yet: values are checked each by itself. */
export const mergeConfig = (value: unknown, base: TrainConfig): TrainConfig =>
  merged(SCHEMA, value, base, []) as unknown as TrainConfig;

type Plain = Readonly<Record<string, unknown>>;
const isPlain = (v: unknown): v is Plain => typeof v === "object" && v !== null && !Array.isArray(v);

function merged(fields: Fields, value: unknown, base: Plain, path: Path): Plain {
  if (!isPlain(value))
    throw new ConfigError(path, `is ${shown(value)}`, `give fields, such as ${Object.keys(fields)[0]}: …`);
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(fields, name));
  if (unknown !== undefined) throw unknownKey([...path, unknown], fields);
  return Object.fromEntries(
    Object.entries(fields).map(([name, node]) => [
      name,
      value[name] === undefined ? structuredClone(base[name]) : read(node, value[name], base[name], [...path, name]),
    ]),
  );
}

function read(node: Node, value: unknown, base: unknown, path: Path): unknown {
  if (isGroup(node)) return merged(node.fields, value, base as Plain, path);
  if (isVariants(node)) return readVariant(node.variants, value, base as Plain, path);
  if (node.accepts(value)) return structuredClone(value);
  const near =
    typeof value === "string" && node.choices
      ? nearest(
          value,
          node.choices.filter((c) => typeof c === "string"),
        )
      : undefined;
  throw new ConfigError(
    path,
    `is ${shown(value)}`,
    near === undefined ? `give ${node.expects}` : `did you mean ${near}? It is ${node.expects}`,
  );
}

function readVariant(kinds: Readonly<Record<string, Fields>>, value: unknown, base: Plain, path: Path): Plain {
  if (!isPlain(value))
    throw new ConfigError(
      path,
      `is ${shown(value)}`,
      `give ${Object.entries(kinds)
        .map(
          ([kind, fields]) =>
            `{kind: ${kind}, ${Object.keys(fields)
              .map((f) => `${f}: …`)
              .join(", ")}}`,
        )
        .join(" or ")}`,
    );
  const { kind = base.kind, ...rest } = value;
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind))
    throw new ConfigError([...path, "kind"], `is ${shown(kind)}`, `give one of ${Object.keys(kinds).join(", ")}`);
  const fields = kinds[kind]!;
  if (kind === base.kind) return { kind, ...merged(fields, rest, base, path) };
  const [defaults, needed] = optionalFields(fields);
  const missing = needed.find((f) => rest[f] === undefined);
  if (missing !== undefined)
    throw new ConfigError([...path, missing], "is missing", `a ${kind} has ${needed.join(" and ")}`);
  return { kind, ...merged(fields, rest, defaults, path) };
}

/** The defaults of the fields that may be left out of a kind, and the names of the others. */
function optionalFields(fields: Fields): [defaults: Plain, needed: readonly string[]] {
  const isOptional = (node: Node): node is Field<unknown> => "isOptional" in node && node.isOptional === true;
  const all = Object.entries(fields);
  return [
    Object.fromEntries(all.flatMap(([name, node]) => (isOptional(node) ? [[name, node.default]] : []))),
    all.filter(([, node]) => !isOptional(node)).map(([name]) => name),
  ];
}

function unknownKey(path: Path, fields: Fields): ConfigError {
  const name = String(path[path.length - 1]);
  const known = Object.keys(fields);
  const near = nearest(name, known) ?? elsewhere(name);
  return new ConfigError(
    path,
    "unknown key",
    near === undefined ? `known here are ${known.join(", ")}` : `did you mean ${near}?`,
  );
}

/** Where in the whole schema a key of this name stands, or one that is nearly so. */
function elsewhere(name: string): string | undefined {
  const all = pathsOf(SCHEMA).map((p) => p.split("."));
  const exact = all.find((p) => p[p.length - 1] === name);
  const near = exact
    ? name
    : nearest(
        name,
        all.map((p) => p[p.length - 1]!),
      );
  return (exact ?? all.find((p) => p[p.length - 1] === near))?.join(".");
}

/** Dotted names of all fields and groups. */
export const pathsOf = (fields: Fields, under = ""): string[] =>
  Object.entries(fields).flatMap(([name, node]) => [
    `${under}${name}`,
    ...(isGroup(node)
      ? pathsOf(node.fields, `${under}${name}.`)
      : isVariants(node)
        ? Object.values(node.variants).flatMap((v) => pathsOf(v, `${under}${name}.`))
        : []),
  ]);

/** The schema's node at a path. Throws ConfigError where there is none. */
export function nodeAt(path: Path): Node {
  let fields: Fields = SCHEMA;
  let node: Node | undefined;
  for (const [i, name] of path.entries()) {
    if (!Object.hasOwn(fields, name)) throw unknownKey(path.slice(0, i + 1), fields);
    node = fields[name]!;
    fields = fieldsBelow(node);
  }
  if (!node) throw new ConfigError(path, "names no field", "give one, such as optimization.batch");
  return node;
}

function fieldsBelow(node: Node): Fields {
  if (isGroup(node)) return node.fields;
  return isVariants(node) ? (Object.assign({}, ...Object.values(node.variants)) as Fields) : {};
}

/** The candidate that differs least, if it is near enough for a slip of the keyboard. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3));
  const ranked = candidates
    .map((c) => ({ c, d: distance(word.toLowerCase(), c.toLowerCase()) }))
    .sort((a, b) => a.d - b.d);
  const [best] = ranked;
  return best && best.d <= most ? best.c : undefined;
}

/** Letters to put in, take out, change or swap with the next. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

export function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Refuses values that do not go together. Throws ConfigError at the first such pair. */
export function checkTogether(config: TrainConfig): void {
  checkSegmentor(config);
  checkStructures(config);
  checkDiscriminator(config);
  checkIntensity("studentIntensity", config.data.studentIntensity);
  checkIntensity("teacherIntensity", config.data.teacherIntensity);
  checkSlices(config.data);
  checkTaps(config.networks.features);
  checkDecay(config.optimization);
}

function refuse(path: string, problem: string, mend: string): never {
  throw new ConfigError(path.split("."), problem, mend);
}

function checkSegmentor(config: TrainConfig): void {
  const { size } = config.data;
  const { kind, hints, prior } = config.networks.segmentor;
  const row = segmentorRow(kind);
  const multiple = 2 ** row.halvings;
  if (size % multiple !== 0) {
    const nearby = Math.max(multiple, Math.round(size / multiple) * multiple);
    const why = `the ${kind} halves the image ${row.halvings} times`;
    refuse("data.size", `is ${size}`, `give a multiple of ${multiple}, such as ${nearby}: ${why}`);
  }
  if (!row.hints.includes(hints))
    refuse("networks.segmentor.hints", `is ${hints}`, `give one of ${row.hints.join(", ")}: the ${kind} has no others`);
  const structures = structuresOf(config);
  if (Array.isArray(prior) && prior.length !== structures)
    refuse(
      "networks.segmentor.prior",
      `has ${prior.length} shares`,
      `give one share, data, or one for each of the ${structures} labels`,
    );
}

function checkStructures(config: TrainConfig): void {
  const { names, sides } = config.data;
  const structures = structuresOf(config);
  if (names !== null && names.length !== structures)
    refuse("data.names", `has ${names.length} names`, `give one for each of the ${structures} structures, or null`);
  const labels = sides?.flat() ?? [];
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined) refuse("data.sides", `names ${twice} twice`, "give each label one other side");
}

/** Each layer of stride 2 halves the image, and a map of patches must be left. */
function checkDiscriminator({ data: { size }, networks }: TrainConfig): void {
  const { layers } = networks.discriminator;
  const most = Math.floor(Math.log2(size / 3));
  if (layers > most)
    refuse(
      "networks.discriminator.layers",
      `is ${layers}`,
      `give at most ${most}: nothing is left to judge of ${size} × ${size} images`,
    );
}

function checkIntensity(name: "studentIntensity" | "teacherIntensity", rule: IntensityRule): void {
  if (rule.kind === "percentile") return;
  const { low, high } = rule;
  if (high !== null) {
    if (!(low < high)) refuse(`data.${name}.high`, `is ${high}, low is ${low}`, "give a value above low");
    return;
  }
  const last = rule.kind === "histogram" ? rule.landmarks?.at(-1) : undefined;
  if (last !== undefined && !(low < last))
    refuse(`data.${name}.low`, `is ${low}, the last landmark ${last}`, "lower it");
}

function checkSlices({ slices, studentIntensity }: TrainConfig["data"]): void {
  if (slices === "lung" && !isHu(studentIntensity))
    refuse("data.slices", "is lung", "give all: lungs are found in CT only, whose studentIntensity is a window in HU");
}

function checkTaps({ layers, taps }: TrainConfig["networks"]["features"]): void {
  const absent = layers === 16 ? taps.find((t) => /^conv[345]_4$/.test(t)) : undefined;
  if (absent !== undefined)
    refuse(
      "networks.features.taps",
      `names ${absent}`,
      "VGG16 has three convolutions in its last stages; take others, or layers: 19",
    );
  const beyond = taps.find((t) => /^conv[12]_[34]$/.test(t));
  if (beyond !== undefined)
    refuse("networks.features.taps", `names ${beyond}`, "the first two stages have two convolutions");
}

function checkDecay({ decayFrom, epochs }: TrainConfig["optimization"]): void {
  if (decayFrom !== null && decayFrom > epochs)
    refuse("optimization.decayFrom", `is ${decayFrom}`, `give at most the ${epochs} epochs of optimization.epochs`);
}
