// Configurations as YAML, which JSON is too: read with the line of each mistake, written whole with the meaning of
// every field.
import { dirname, resolve } from "node:path";
import { Document, LineCounter, type Pair, type Scalar, isCollection, isMap, isScalar, parseDocument } from "yaml";
import { DataError, printable } from "../data/errors.ts";
import { type Path, ConfigError, readConfig } from "../train/config/check.ts";
import { type Fields, isGroup, isVariants } from "../train/config/fields.ts";
import { PAPER_CONFIG, SCHEMA, type TrainConfig } from "../train/config/config.ts";
import { readBytes } from "./files.ts";

export interface ConfigFile {
  readonly file: string;
  /** The fields that it gives, paths made absolute; not checked. */
  readonly value: unknown;
  /** A mistake of the configuration as one of this file: with the line of the field, or of the nearest one above it. */
  locate(error: ConfigError): DataError;
  /** Whether it gives the field. */
  has(path: Path): boolean;
}

/** A file's fields. Throws DataError where it is no YAML, with the line. */
export async function readConfigFile(file: string): Promise<ConfigFile> {
  return parseConfigFile(new TextDecoder().decode(await readBytes(file)), file);
}

export function parseConfigFile(text: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number | undefined): string =>
    `${file}:${offset === undefined ? 1 : Math.max(1, lines.linePos(offset).line)}`;
  const [error] = [...document.errors, ...document.warnings];
  if (error?.code === "DUPLICATE_KEY") throw new DataError(at(error.pos[0]), "key", "stands twice", "keep one");
  if (error) throw new DataError(at(error.pos[0]), "YAML", error.message, "mend the line");
  const value: unknown = aliasFree(document, file) ?? {};
  return {
    file,
    value: isMap(document.contents)
      ? absolute(value as Record<string, unknown>, SCHEMA, dirname(resolve(file)))
      : value,
    locate: ({ path, problem, mend }) =>
      new DataError(at(offsetOf(document, path)), path.join(".") || "content", problem, mend),
    has: (path) => document.hasIn(path),
  };
}

/** A whole configuration from a file, checked. Throws DataError with file, line and field. */
export async function readWholeConfig(file: string): Promise<TrainConfig> {
  const read = await readConfigFile(file);
  try {
    return readConfig(read.value, PAPER_CONFIG);
  } catch (error) {
    throw error instanceof ConfigError ? read.locate(error) : error;
  }
}

/** As YAML, every field under a line or beside a note of its meaning. Reads back as it was. */
export function writeConfig(config: TrainConfig): string {
  const document = new Document(config);
  if (!isMap(document.contents)) throw new TypeError("a configuration is an object");
  annotate(document.contents.items as Pair<Scalar<string>>[], SCHEMA, 0);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function annotate(pairs: readonly Pair<Scalar<string>>[], fields: Fields, depth: number): void {
  for (const [i, { key, value }] of pairs.entries()) {
    const node = fields[key.value];
    if (node === undefined) continue;
    if (isMap(value) && isGroup(node)) {
      key.commentBefore = ` ${node.says}`;
      key.spaceBefore = depth === 0 && i > 0;
      annotate(value.items as Pair<Scalar<string>>[], node.fields, depth + 1);
    } else {
      if (isCollection(value)) value.flow = true;
      if (isScalar(value) || isCollection(value)) value.comment = ` ${node.says}`;
    }
  }
}

function aliasFree(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new DataError(file, "YAML", (error as Error).message, "write it without so many aliases");
  }
}

/** The fields with the paths of files and folders absolute; a file gives them relative to its own place. */
function absolute(value: Record<string, unknown>, fields: Fields, folder: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([name, v]) => {
      const node = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (node === undefined || isVariants(node)) return [name, v];
      if (isGroup(node))
        return [
          name,
          typeof v === "object" && v !== null && !Array.isArray(v)
            ? absolute(v as Record<string, unknown>, node.fields, folder)
            : v,
        ];
      return [name, node.isPath && typeof v === "string" && v !== "" ? resolve(folder, v) : v];
    }),
  );
}

/** Where the field stands in the text: its key, or the nearest one above that is there. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: Path): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const name of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((p) => isScalar(p.key) && String(p.key.value) === String(name));
    if (!pair) break;
    offset = (pair.key as Scalar).range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}

/** `text`, given on a command line, as a value of YAML: a number, true, [1, 2], null, or a text. */
export function parseValue(text: string): unknown {
  const document = parseDocument(text);
  if (document.errors.length)
    throw new ConfigError([], `${printable(text)} is no value`, "quote a text that holds signs of YAML");
  return document.toJS() as unknown;
}
