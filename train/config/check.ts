// Strict reading of a configuration: what is given is laid over a whole one; whatever the schema does not know is
// refused.
import { type Field, type Fields, type Node, isGroup, isVariants } from "./fields.ts";
import { isHu } from "../../data/intensity.ts";
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

/** Values that do not go together. Throws ConfigError. */
export function checkTogether(config: TrainConfig): void {
  const {
    data,
    networks: { segmentor, discriminator, features },
    optimization,
  } = config;
  const refuse = (when: boolean, path: string, problem: string, mend: string): void => {
    if (when) throw new ConfigError(path.split("."), problem, mend);
  };
  const { halvings, hints } = segmentorRow(segmentor.kind);
  const multiple = 2 ** halvings;
  const nearby = Math.max(multiple, Math.round(data.size / multiple) * multiple);
  refuse(
    data.size % multiple !== 0,
    "data.size",
    `is ${data.size}`,
    `give a multiple of ${multiple}, such as ${nearby}: the ${segmentor.kind} halves the image ${halvings} times`,
  );
  refuse(
    !hints.includes(segmentor.hints),
    "networks.segmentor.hints",
    `is ${segmentor.hints}`,
    `give one of ${hints.join(", ")}: the ${segmentor.kind} has no others`,
  );
  const { prior } = segmentor;
  const structures = structuresOf(config);
  refuse(
    Array.isArray(prior) && prior.length !== structures,
    "networks.segmentor.prior",
    `has ${Array.isArray(prior) ? prior.length : 1} shares`,
    `give one share, data, or one for each of the ${structures} labels`,
  );
  refuse(
    data.names !== null && data.names.length !== structures,
    "data.names",
    `has ${data.names?.length} names`,
    `give one for each of the ${structures} structures, or null`,
  );
  const sides = data.sides?.flat() ?? [];
  const again = sides.find((label, i) => sides.indexOf(label) !== i);
  refuse(again !== undefined, "data.sides", `names ${again} twice`, "give each label one other side");
  const layers = Math.floor(Math.log2(data.size / 3));
  refuse(
    discriminator.layers > layers,
    "networks.discriminator.layers",
    `is ${discriminator.layers}`,
    `give at most ${layers}: nothing is left to judge of ${data.size} × ${data.size} images`,
  );
  for (const [name, rule] of [
    ["studentIntensity", data.studentIntensity],
    ["teacherIntensity", data.teacherIntensity],
  ] as const) {
    if (rule.kind === "percentile") continue;
    const { low, high } = rule;
    const last = rule.kind === "histogram" ? rule.landmarks?.at(-1) : undefined;
    if (high === null)
      refuse(
        last !== undefined && !(low < last),
        `data.${name}.low`,
        `is ${low}, the last landmark ${last}`,
        "lower it",
      );
    else refuse(!(low < high), `data.${name}.high`, `is ${high}, low is ${low}`, "give a value above low");
  }
  refuse(
    data.slices === "lung" && !isHu(data.studentIntensity),
    "data.slices",
    "is lung",
    "give all: lungs are found in CT only, whose studentIntensity is a window in HU",
  );
  const absent = features.layers === 16 ? features.taps.find((t) => /^conv[345]_4$/.test(t)) : undefined;
  refuse(
    absent !== undefined,
    "networks.features.taps",
    `names ${absent}`,
    "VGG16 has three convolutions in its last stages; take others, or layers: 19",
  );
  const twice = features.taps.find((t) => /^conv[12]_[34]$/.test(t));
  refuse(twice !== undefined, "networks.features.taps", `names ${twice}`, "the first two stages have two convolutions");
  refuse(
    optimization.decayFrom !== null && optimization.decayFrom > optimization.epochs,
    "optimization.decayFrom",
    `is ${optimization.decayFrom}`,
    `give at most the ${optimization.epochs} epochs of optimization.epochs`,
  );
}
