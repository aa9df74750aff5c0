// A model as one file: safetensors in PyTorch's names and layouts, whose metadata says of which network the weights are
// and of which images. One JSON text under one name, read field by field.
import { DataError } from "../data/errors.ts";
import type { IntensityRule } from "../data/intensity.ts";
import { areLandmarks } from "../data/standardization.ts";
import { readSafetensors, toFloat32, writeSafetensors } from "../data/weights/safetensors.ts";
import { type Device, ShapeError, input } from "../engine/index.ts";
import { StateDictError } from "../models/pytorch.ts";
import { SEGMENTORS, type SegmentorName } from "../models/segmentors.ts";
import { channelsFor } from "./volume.ts";
import { type Label, type NetworkModel, type NormStatistics, modelOf, stateDictOfModel } from "./model.ts";

/** The metadata's name. */
const KEY = "cmedl-model";
const VERSION = 1;

/** What the file says of a model beside its tensors. */
export type ModelHeader = Pick<NetworkModel, "network" | "statistics" | "size" | "fieldMm" | "intensity" | "labels">;

/**
 * The file of a model: with the values that `device` holds of its network by now, else those that devices start with.
 * Throws what the GPU reported.
 */
export async function saveModel(model: NetworkModel, device?: Device): Promise<Uint8Array<ArrayBuffer>> {
  return writeModel(model, await stateDictOfModel(model, device));
}

/** The file of a state dict, in PyTorch's names and layouts, with its header. */
export function writeModel(
  { network, statistics, size, fieldMm, intensity, labels }: ModelHeader,
  dict: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>,
): Uint8Array<ArrayBuffer> {
  const header = { version: VERSION, network, statistics, size, fieldMm, intensity, labels };
  return writeSafetensors(dict, [[KEY, JSON.stringify(header)]]);
}

/**
 * The model of a file that `saveModel` or `cmedl export` wrote. `file` is what errors call it. Throws DataError, which
 * names the field, where the file or its header is not as it should be.
 */
export function loadModel(bytes: Uint8Array, file = "model"): NetworkModel {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const header = readHeader(metadata.get(KEY), file);
  const dict = new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
  try {
    const model = modelOf(header, dict);
    const { shape } = model.segment(input("image", [1, header.size, header.size, 1]));
    const needed = channelsFor(header.labels);
    if (shape[3] === needed) return model;
    const problem = `name ${header.labels.length} structures, for which the network needs ${needed} outputs; it has ${shape[3]}`;
    throw new DataError(file, "labels", problem, AGAIN);
  } catch (cause) {
    if (cause instanceof StateDictError) throw new DataError(file, "tensors", cause.message, AGAIN, { cause });
    if (cause instanceof ShapeError) throw new DataError(file, "size", cause.message, AGAIN, { cause });
    throw cause;
  }
}

const AGAIN = "export the model again";

function readHeader(text: string | undefined, file: string): ModelHeader {
  if (text === undefined)
    throw new DataError(
      file,
      "metadata",
      `has no ${KEY}: the file holds weights alone`,
      "give one that cmedl export or saveModel wrote, or read it by readSafetensors and loadStateDict",
    );
  const fields = new Fields(file, parsed(text, file));
  fields.get("version", isOneOf([VERSION]), `${VERSION}, which this version of cmedl reads`);
  return {
    network: fields.get("network", isOneOf(SEGMENTORS), `one of ${SEGMENTORS.join(", ")}`) as SegmentorName,
    statistics: fields.get("statistics", isOneOf(["running", "image"]), "running or image") as NormStatistics,
    size: fields.get("size", isWhole(1, 4096), "a whole number from 1 to 4096") as number,
    fieldMm: fields.get("fieldMm", isAbove(0), "a number of mm above 0") as number,
    intensity: fields.get(
      "intensity",
      isIntensity,
      '{ "kind": "window", "low", "high" }, { "kind": "percentile", "percentile" } above 50, or a histogram with landmarks',
    ) as IntensityRule,
    labels: fields.get(
      "labels",
      areLabels,
      "a list of structures { value, name }, the values different whole numbers from 1 to 32767",
    ) as readonly Label[],
  };
}

function parsed(text: string, file: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new DataError(file, KEY, "is no JSON object", AGAIN);
}

/** The fields of a header. */
class Fields {
  constructor(
    readonly file: string,
    readonly values: object,
  ) {}

  /** Throws DataError where the field is missing, or is not as it must be. */
  get(name: string, holds: (value: unknown) => boolean, must: string): unknown {
    const value = (this.values as Readonly<Record<string, unknown>>)[name];
    if (holds(value)) return value;
    const problem = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
    throw new DataError(this.file, `${KEY}, ${name}`, `${problem}; it must be ${must}`, AGAIN);
  }
}

type Check = (value: unknown) => boolean;
const isOneOf =
  (words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const isAbove =
  (least: number): Check =>
  (value) =>
    typeof value === "number" && Number.isFinite(value) && value > least;
const isWhole =
  (from: number, to: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= from && (value as number) <= to;

function isIntensity(value: unknown): boolean {
  const { kind, low, high, percentile, landmarks } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (kind === "percentile") return isAbove(50)(percentile) && (percentile as number) <= 100;
  const isRange = (top: unknown): boolean => Number.isFinite(low) && isAbove(low as number)(top);
  if (kind === "histogram") return areLandmarks(landmarks) && isRange(high ?? landmarks.at(-1));
  return kind === "window" && isRange(high);
}

function areLabels(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > 254) return false;
  const labels = value.map((label): Readonly<Record<string, unknown>> => label ?? {});
  const named = labels.every(
    (label) => isWhole(1, 32767)(label.value) && typeof label.name === "string" && label.name !== "",
  );
  return named && new Set(labels.map((label) => label.value)).size === labels.length;
}
