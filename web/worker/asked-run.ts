// From a form to a run's configuration and the cases that it trains on.
import { DataError } from "../../data/errors.ts";
import { ConfigError, type Path } from "../../train/config/check.ts";
import { SCHEMA, type TrainConfig } from "../../train/config/config.ts";
import { type Fields, isGroup } from "../../train/config/fields.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import type { SplitLists } from "../../data/split.ts";
import type { CaseSource } from "../../train/run/case-source.ts";
import { phantomCases } from "../../train/run/phantoms.ts";
import type { TrainingSources } from "../../train/run/sets.ts";
import type { DroppedFile } from "./files.ts";
import { folderSource } from "./folder-source.ts";

/** What the form asks for. All else is the preset `quick`'s. */
export interface AskedRun {
  readonly name: string;
  readonly source: "phantoms" | "folders";
  readonly regime: "cmedl" | "ct-only";
  readonly size: number;
  readonly epochs: number;
  /** Of an epoch. */
  readonly steps: number;
  readonly seed: number;
  /** Any fields of a configuration as YAML or JSON, which count more than the form's. */
  readonly fields: string;
}

/** The files of two folders, where a run is to train on those. */
export interface ChosenFolders {
  readonly student: readonly DroppedFile[];
  /** Not looked at where the method reads no teacher. */
  readonly teacher: readonly DroppedFile[];
}

/** Steps after which a run is saved within an epoch too: a page may be closed at any time. */
const SAVE_EVERY = 50;

/** The configuration that is asked for, without cases. Throws ConfigError and DataError, which name the field. */
export async function askedConfig({ regime, size, epochs, steps, seed, fields }: AskedRun): Promise<TrainConfig> {
  const form = {
    regime,
    seed,
    data: { size },
    optimization: { epochs, steps, decayFrom: Math.floor(epochs / 2) },
    saveEvery: SAVE_EVERY,
  };
  const config = presetConfig("quick", form, await parsed(fields));
  refuseFiles(SCHEMA, config, []);
  if (config.data.fold !== null)
    throw new ConfigError(
      ["data", "fold"],
      "is given",
      "leave it out: a page splits by the seed, or by splits.json in the folder",
    );
  return config;
}

async function parsed(fields: string): Promise<unknown> {
  if (fields.trim() === "") return {};
  const { parse } = await import("yaml");
  try {
    return parse(fields) ?? {};
  } catch (cause) {
    const [problem] = (cause as Error).message.split("\n");
    throw new DataError("more fields", "text", `is no YAML: ${problem}`, "write it as config.yaml, or as JSON", {
      cause,
    });
  }
}

/** A page has no files by path. */
function refuseFiles(fields: Fields, values: Readonly<Record<string, unknown>>, path: Path): void {
  for (const [name, node] of Object.entries(fields)) {
    const value = values[name];
    if (isGroup(node)) refuseFiles(node.fields, value as Record<string, unknown>, [...path, name]);
    else if ("isPath" in node && node.isPath && value !== node.default)
      throw new ConfigError([...path, name], "names a file, which a page can't open", "leave it out");
  }
}

/** Cases, with the lists of those that train and validate where they come with some. */
export type ListedCases = CaseSource & { readonly lists?: SplitLists | undefined };

/** The phantoms of a configuration. */
export function phantomSources(config: TrainConfig): TrainingSources<ListedCases> {
  const { seed, data } = config;
  const readsTeacher = makeRegime(config).inputs.includes("xM");
  return {
    student: phantomCases("CT", data.size, seed),
    teacher: readsTeacher ? phantomCases("MR", data.size, seed) : undefined,
  };
}

/** The cases of chosen folders. Throws DataError where one is missing, or can't be read as a set. */
export async function folderSources(
  config: TrainConfig,
  { student, teacher }: ChosenFolders,
): Promise<TrainingSources<ListedCases>> {
  const { inputs } = makeRegime(config);
  return {
    student: await folderSource("the student's folder", student, { withMasks: true }),
    teacher: inputs.includes("xM")
      ? await folderSource("the teacher's folder", teacher, { withMasks: inputs.includes("yM") })
      : undefined,
  };
}
