// Where a run's networks start: from weights of another run, or of a file, in place of random ones.
import { createHash } from "node:crypto";
import { DataError } from "../../data/errors.ts";
import { readWeightFile } from "../../data/weights/index.ts";
import { type SafetensorsTensor, toFloat32 } from "../../data/weights/safetensors.ts";
import { type ForeignTensor, StateDictError, loadStateDict } from "../../models/pytorch.ts";
import { readCheckpoint, keptStateDict } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { isModelZip, readModelZip } from "../../train/model-zip.ts";
import type { Regime } from "../../train/regime.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { isFolder, readBytes } from "../files.ts";
import { RunFolder } from "./folder.ts";
import { readWeights, segmentorAmong } from "./weights.ts";

/** Where networks started, as environment.json keeps it. */
export interface InitialWeights {
  readonly file: string;
  /** SHA-256 of that file. */
  readonly sha256: string;
  /** Networks that started so, by the name of the run's network, with that of the file's. */
  readonly networks: Readonly<Record<string, string>>;
}

type StateDict = ReadonlyMap<string, ForeignTensor>;

/**
 * Makes the weights at `config.init` the values that the regime's networks start with: of a run's kept checkpoint, or a
 * checkpoint's file, or a model zip, those of the student, and of every other network that both have by one name; of
 * any other file those of the student. Where weights have a moving average, that is taken. Undefined where the
 * configuration names none. Throws DataError where names or shapes are not those of the networks, FileError.
 */
export async function startFrom(
  regime: Regime,
  config: TrainConfig,
  say: (line: string) => void = () => {},
): Promise<InitialWeights | undefined> {
  const { init } = config;
  if (init === null) return undefined;
  const file = await fileOf(init, say);
  const bytes = await readBytes(file);
  const student = segmentorAmong(Object.keys(regime.networks));
  const held = (await networksOfCheckpoint(bytes, file)) ?? (await networkOfFile(file, config, say));
  const networks: Record<string, string> = {};
  for (const [name, network] of Object.entries(regime.networks)) {
    const source = name === student ? segmentorAmong([...held.keys()]) : name;
    const dict = held.get(source);
    if (!dict) continue;
    try {
      loadStateDict(network, dict);
    } catch (error) {
      if (!(error instanceof StateDictError)) throw error;
      const mend = `give weights of the same networks as this run's (--segmentor, --width, --size, --blocks), or no --init`;
      throw new DataError(file, source, `for ${name}, ${error.message}`, mend, { cause: error });
    }
    networks[name] = source;
  }
  const shown = Object.entries(networks).map(([name, source]) => (name === source ? name : `${name} (its ${source})`));
  say(`weights of ${shown.join(", ")} start from ${file}`);
  return { file, sha256: createHash("sha256").update(bytes).digest("hex"), networks };
}

/** Throws as startFrom where a configuration's initial weights would not do. */
export const examineInit = async (config: TrainConfig): Promise<void> => {
  if (config.init !== null) await startFrom(makeRegime(config), config);
};

/** The file of a run's kept checkpoint; any other path itself. */
async function fileOf(path: string, say: (line: string) => void): Promise<string> {
  if (!(await isFolder(path))) return path;
  return (await (await RunFolder.open(path)).bestOrLatest((message) => say(`passed over: ${message}`))).file;
}

/** Every network that a checkpoint or a model zip holds, by its name; undefined where the file is neither. */
async function networksOfCheckpoint(
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): Promise<ReadonlyMap<string, StateDict> | undefined> {
  const isZip = isModelZip(bytes, file);
  if (!isZip && !readWeightFile(bytes, file).metadata.get("format")?.startsWith("cmedl-checkpoint")) return undefined;
  const { tensors } = isZip ? readModelZip(bytes, file) : await readCheckpoint(bytes, file);
  const names = new Set([...tensors.keys()].map((name) => name.split(".", 1)[0]!));
  for (const other of ["optimizer", "pool", "average"]) names.delete(other);
  return new Map([...names].map((name) => [name, keptStateDict(tensors, name)]));
}

/** The weights of a file that is no checkpoint: those of the one network that segments. */
async function networkOfFile(
  file: string,
  config: TrainConfig,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, StateDict>> {
  const { tensors } = await readWeights(file, { model: config.networks.segmentor.kind }, say);
  const plain = ({ shape, ...t }: SafetensorsTensor): ForeignTensor => ({ shape, data: toFloat32({ shape, ...t }) });
  return new Map([["S", new Map([...tensors].map(([name, t]) => [name, plain(t)]))]]);
}
