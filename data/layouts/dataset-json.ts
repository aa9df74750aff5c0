// The dataset.json that comes with nnU-Net's and the Medical Segmentation Decathlon's folders: which of them it is, and
// what its labels are called.
import { join } from "./paths.ts";
import { DataError, printable } from "../errors.ts";
import type { Listing } from "./case.ts";

export interface DatasetJson {
  /** As users know the form. */
  readonly form: "nnU-Net v2" | "Medical Decathlon or nnU-Net v1";
  /** The ending of its files' names in small letters, ".nii.gz" or ".png", where it gives one. */
  readonly fileEnding: string | undefined;
  /** Names of the labels but the background. */
  readonly labels: ReadonlyMap<number, string>;
}

type Fail = (field: string, problem: string, mend: string, cause?: unknown) => never;

/** The file's text as what it tells. Throws DataError with the field that is not as either form has it. */
function parseDatasetJson(text: string, path: string): DatasetJson {
  const fail: Fail = (field, problem, mend, cause) => {
    throw new DataError(path, field, problem, mend, { cause });
  };
  const told = fieldsOf(text, fail);
  const form = formOf(told, fail);
  const labels = told.get("labels");
  if (!isRecord(labels)) {
    const problem = labels === undefined ? "is missing" : `${shown(labels)} is no names with numbers`;
    return fail("labels", problem, 'write them, such as { "background": 0, "tumour": 1 }');
  }
  const ending = told.get("file_ending");
  if (ending !== undefined && typeof ending !== "string")
    return fail("file_ending", `${shown(ending)} is no text`, 'write it, such as ".nii.gz"');
  return {
    form,
    fileEnding: ending?.toLowerCase(),
    labels: form === "nnU-Net v2" ? numbered(labels, fail) : named(labels, fail),
  };
}

function fieldsOf(text: string, fail: Fail): Map<string, unknown> {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch (cause) {
    const comma = /,\s*[}\]]/.exec(text);
    const line = comma
      ? `line ${text.slice(0, comma.index).split("\n").length}: a comma before a bracket`
      : "is no JSON";
    fail("file", line, "mend it, or take the file away", cause);
  }
  if (!isRecord(told)) return fail("file", `${shown(told)} is no { … }`, "mend it, or take the file away");
  return new Map(Object.entries(told));
}

/** The form by the field that names the channels: { "0": "CT" }, in the older form a list too. */
function formOf(told: ReadonlyMap<string, unknown>, fail: Fail): DatasetJson["form"] {
  const field = told.has("channel_names") ? "channel_names" : "modality";
  const channels = told.get(field);
  const mend = "take it from nnU-Net's or the Decathlon's description";
  if (channels === undefined) fail("modality", "neither it nor channel_names is there", mend);
  if (!isRecord(channels) && !(field === "modality" && Array.isArray(channels)))
    fail(field, `${shown(channels)} names no channels`, 'write them, such as { "0": "CT" }');
  return field === "channel_names" ? "nnU-Net v2" : "Medical Decathlon or nnU-Net v1";
}

const MEND_LABELS = "give whole numbers";
const isLabel = (n: unknown): n is number => typeof n === "number" && Number.isInteger(n) && n >= 0 && n <= 65535;

/** Names with their numbers; those that have several (regions) are none of a mask's values. */
function numbered(labels: Readonly<Record<string, unknown>>, fail: Fail): Map<number, string> {
  const found = new Map<number, string>();
  for (const [name, value] of Object.entries(labels)) {
    const numbers: unknown[] = Array.isArray(value) ? value : [value];
    if (!numbers.every(isLabel)) fail("labels", `${printable(name, 40)}: ${shown(value)} is no label`, MEND_LABELS);
    const [number, second] = numbers as number[];
    if (number !== undefined && number !== 0 && second === undefined) found.set(number, name);
  }
  return found;
}

/** Numbers with their names. */
function named(labels: Readonly<Record<string, unknown>>, fail: Fail): Map<number, string> {
  const found = new Map<number, string>();
  for (const [key, name] of Object.entries(labels)) {
    const number = key.trim() === "" ? Number.NaN : Number(key);
    if (!isLabel(number)) fail("labels", `${printable(key, 40)}: ${shown(name)} is no label`, MEND_LABELS);
    if (typeof name !== "string") return fail("labels", `${key}: ${shown(name)} is no name`, "give a name in quotes");
    if (number !== 0) found.set(number, name);
  }
  return found;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => printable(JSON.stringify(value) ?? "missing", 40);

/** A folder's dataset.json; undefined where there is none. Throws DataError. */
export async function datasetJsonOf({
  folder,
  text,
}: Pick<Listing, "folder" | "text">): Promise<DatasetJson | undefined> {
  const path = join(folder, "dataset.json");
  const json = await text(path);
  return json === undefined ? undefined : parseDatasetJson(json, path);
}

/** Whether each PNG file of imagesTr and labelsTr is a case of one slice, as of nnU-Net's natural images. */
export const slicesAreCases = (told: DatasetJson | undefined): boolean => told?.fileEnding === ".png";
