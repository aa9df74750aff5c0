// Everything a run needs to go on bit for bit, in one safetensors file: networks under PyTorch's names and layouts,
// optimizer moments, image histories, counters. A digest over all of it finds a file that was cut or changed.
import { CorruptFileError, type Device, NumericalError, type Variable } from "../engine/index.ts";
import { readSafetensors, writeSafetensors } from "../data/weights/safetensors.ts";
import { fromStateDict, toStateDict } from "../models/pytorch.ts";
import type { Regime } from "./regime.ts";
import type { WatchState } from "./collapse.ts";

/** Where a run stands. */
export interface Progress {
  /** The next step to do is `step` of `epoch`, both from 0. */
  epoch: number;
  step: number;
  /** Steps done since the start. */
  steps: number;
  /** Sum of each loss over this epoch so far, and how many steps gave it. */
  sums: Record<string, [sum: number, steps: number]>;
  /** The validated epoch with the lowest loss so far, and its Dice. */
  best: { epoch: number; loss: number; dice: number } | null;
  /** What the collapse watch remembers, where it is on. */
  watch?: WatchState;
}

/** The progress of a run before its first step. */
export const startOfRun = (): Progress => ({ epoch: 0, step: 0, steps: 0, sums: {}, best: null });

export interface Checkpoint {
  readonly progress: Progress;
  /** What the run was started with; the caller's own JSON. */
  readonly config: unknown;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
  readonly counters: Counters;
}

interface Counters {
  readonly optimizers: Readonly<Record<string, number>>;
  readonly pools: Readonly<Record<string, number>>;
  /** Steps of the streams that dropout and noise draw from. */
  readonly streams?: Readonly<Record<string, number>>;
}

const FORMAT = "cmedl-checkpoint-2";
/** Of earlier versions, whose digest covers the tensors alone. */
const FORMER = "cmedl-checkpoint-1";
const UNSEALED = "0".repeat(64);

/**
 * The file of a run's state. Reads every variable back; throws NumericalError on a value that is not finite, and what
 * the GPU reported.
 */
export async function saveCheckpoint(
  device: Device,
  regime: Regime,
  progress: Progress,
  config: unknown,
): Promise<Uint8Array<ArrayBuffer>> {
  const variables = new Set<Variable>();
  for (const network of Object.values(regime.networks)) for (const v of network.variables().values()) variables.add(v);
  const rest = stateOf(regime);
  for (const v of rest.flatMap((s) => s.parts)) variables.add(v);
  const list = [...variables];
  const data = await device.readAll(list);
  const valueOf = new Map(list.map((v, i) => [v, data[i] as Float32Array]));
  const tensors: [string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }][] = [];
  const add = (name: string, shape: readonly number[], values: ArrayLike<number>): void => {
    const bad = values.length - finiteCount(values);
    if (bad > 0)
      throw new NumericalError(
        `${name} has ${bad} values of ${values.length} that are not finite; ` +
          "no checkpoint is written, the one before is good: go on from it with a lower learning rate",
      );
    tensors.push([name, { shape, data: Float32Array.from(values) }]);
  };
  const averages = averagesOf(regime);
  for (const v of averages.keys()) valueOf.set(v, (await device.read(v)) as Float32Array);
  for (const [name, network] of Object.entries(regime.networks)) {
    for (const [key, t] of toStateDict(network, (v) => valueOf.get(v)!)) add(`${name}.${key}`, t.shape, t.data);
    if (!network.parameters().some((v) => averaged(v, averages))) continue;
    const shown = (v: Variable): Float32Array => {
      const of = averaged(v, averages);
      return of ? valueOf.get(of.average)!.subarray(of.offset, of.offset + v.size) : valueOf.get(v)!;
    };
    for (const [key, t] of toStateDict(network, shown)) add(`average.${name}.${key}`, t.shape, t.data);
  }
  for (const { name, shape, parts } of rest) add(name, shape, joined(parts.map((v) => valueOf.get(v)!)));
  const counters: Counters = {
    optimizers: Object.fromEntries(regime.optimizers.map((o) => [o.name, o.steps])),
    pools: Object.fromEntries(Object.entries(regime.pools).map(([name, pool]) => [name, pool.seen])),
    streams: Object.fromEntries([...regime.randomStreams()].map(([path, stream]) => [path, stream.step])),
  };
  const metadata = (sha256: string): [string, string][] => [
    ["format", FORMAT],
    ["regime", regime.kind],
    ["progress", JSON.stringify(progress)],
    ["counters", JSON.stringify(counters)],
    ["config", JSON.stringify(config)],
    ["sha256", sha256],
  ];
  // The digest stands in the header that it covers, too, so the header is written twice, equally long.
  const draft = writeSafetensors(tensors, metadata(UNSEALED));
  return writeSafetensors(tensors, metadata(await sealOf(draft, UNSEALED)));
}

/** Parses and verifies a checkpoint's bytes. Throws DataError or CorruptFileError, which name `file`. */
export async function readCheckpoint(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Checkpoint> {
  const { tensors, metadata } = readSafetensors(bytes, file);
  const format = metadata.get("format");
  if (format !== FORMAT && format !== FORMER)
    throw new CorruptFileError(
      `${file}: format: is ${format ?? "not given"}, not ${FORMAT}; give a checkpoint that cmedl wrote`,
    );
  const sha256 = metadata.get("sha256") ?? "";
  if (sha256 !== (await (format === FORMER ? digest(dataOf(bytes)) : sealOf(bytes, sha256))))
    throw new CorruptFileError(`${file}: data: differs from its own digest; use an earlier checkpoint`);
  const json = <T>(key: string): T => {
    try {
      return JSON.parse(metadata.get(key) ?? "") as T;
    } catch {
      throw new CorruptFileError(`${file}: ${key}: is no JSON; use an earlier checkpoint`);
    }
  };
  return {
    progress: json("progress"),
    counters: json("counters"),
    config: json("config"),
    tensors: new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data as Float32Array }])),
  };
}

/**
 * Puts a checkpoint's values into a regime built with the same configuration. Throws StateDictError or
 * CorruptFileError.
 */
export function restoreCheckpoint(
  device: Device,
  regime: Regime,
  { tensors, counters }: Checkpoint,
  file: string,
): void {
  const writes: [Variable, ArrayLike<number>][] = [];
  for (const [name, network] of Object.entries(regime.networks)) {
    writes.push(...fromStateDict(network, stateDictOf(tensors, name)));
  }
  for (const { name, shape, parts } of stateOf(regime)) {
    const t = tensors.get(name);
    const size = shape.reduce((n, d) => n * d, 1);
    if (!t || t.data.length !== size) {
      const problem = t ? `holds ${t.data.length} numbers, needed are ${size}` : "is missing";
      throw new CorruptFileError(`${file}: ${name}: ${problem}; the run was started with other settings`);
    }
    let first = 0;
    for (const v of parts) {
      writes.push([v, t.data.subarray(first, first + v.size)]);
      first += v.size;
    }
  }
  const averages = averagesOf(regime);
  const flat = new Map([...averages.keys()].map((v) => [v, new Float32Array(v.size)]));
  for (const [name, network] of Object.entries(regime.networks)) {
    const dict = stateDictOf(tensors, `average.${name}`);
    if (dict.size === 0) continue;
    for (const [v, data] of fromStateDict(network, dict)) {
      const of = averaged(v, averages);
      if (of) flat.get(of.average)!.set(data, of.offset);
    }
  }
  writes.push(...flat);
  for (const [v, data] of writes) device.write(v, data);
  for (const o of regime.optimizers) o.steps = counters.optimizers[o.name] ?? 0;
  for (const [name, pool] of Object.entries(regime.pools)) pool.seen = counters.pools[name] ?? 0;
  for (const [path, stream] of regime.randomStreams()) stream.step = counters.streams?.[path] ?? 0;
}

/** Moving averages by the arena they are of, told apart by the average's variable. */
const averagesOf = ({ optimizers }: Regime): Map<Variable, Variable> =>
  new Map(
    optimizers.flatMap((o) => o.arenas.flatMap(({ state: [p], average }) => (average ? [[average, p!] as const] : []))),
  );

/** Where the moving average of a parameter is. */
function averaged(
  v: Variable,
  averages: ReadonlyMap<Variable, Variable>,
): { average: Variable; offset: number } | undefined {
  const { arena } = v;
  if (!arena) return undefined;
  const average = [...averages].find(([, of]) => of === arena.variable)?.[0];
  return average && { average, offset: arena.offset };
}

/** One network's state dict out of a checkpoint: "SC", or "average.SC" for the moving average of its weights. */
export const stateDictOf = (
  tensors: Checkpoint["tensors"],
  network: string,
): Map<string, { shape: readonly number[]; data: Float32Array }> =>
  new Map([...tensors].filter(([k]) => k.startsWith(`${network}.`)).map(([k, t]) => [k.slice(network.length + 1), t]));

/** A network's weights as they were validated: their moving average where they have one. */
export function keptStateDict(tensors: Checkpoint["tensors"], network: string): ReturnType<typeof stateDictOf> {
  const average = stateDictOf(tensors, `average.${network}`);
  return average.size > 0 ? average : stateDictOf(tensors, network);
}

/** What the file keeps under one name: a variable, or several whose values follow each other. */
interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly parts: readonly Variable[];
}

/** Moments and image histories, by their names in the file; the parameters themselves stand under the networks. */
function stateOf({ optimizers, pools }: Regime): StateTensor[] {
  const moments = optimizers
    .flatMap((o) => o.state)
    .map(({ name, parts }) => ({
      name: `optimizer.${name}`,
      shape: [parts.reduce((n, v) => n + v.size, 0)],
      parts,
    }));
  const histories = Object.entries(pools).flatMap(([name, { store }]) =>
    store ? [{ name: `pool.${name}`, shape: store.shape, parts: [store] }] : [],
  );
  return [...moments, ...histories];
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let first = 0;
  for (const part of parts) {
    all.set(part, first);
    first += part.length;
  }
  return all;
}

function finiteCount(values: ArrayLike<number>): number {
  let n = 0;
  for (let i = 0; i < values.length; i++) if (Number.isFinite(values[i])) n++;
  return n;
}

/** The digest of a file's header, in which zeros stand for the digest `sha256` itself, and of its tensors' digest. */
async function sealOf(bytes: Uint8Array<ArrayBuffer>, sha256: string): Promise<string> {
  const data = dataOf(bytes);
  const header = new TextDecoder("latin1").decode(bytes.subarray(0, data.byteOffset - bytes.byteOffset));
  const unsealed = header.replace(`"sha256":"${sha256}"`, `"sha256":"${UNSEALED}"`);
  return digest(Uint8Array.from(unsealed + (await digest(data)), (c) => c.charCodeAt(0)));
}

const dataOf = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  bytes.subarray(8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)));

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (b) => b.toString(16).padStart(2, "0")).join("");
}
