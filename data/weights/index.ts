// The formats of files of weights, and the one way to open any of them: by its first bytes, or else by its name.
import { isLegacyPth } from "./torch-containers.ts";
import { readPth } from "./pth.ts";
import { type SafetensorsTensor, isSafetensors, readSafetensors } from "./safetensors.ts";
import { isZip } from "./zip.ts";

/** A file's tensors under their own names, and what else it says. */
export interface WeightFile {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** Where in the file's object the tensors stood, as in readPth; "" where they are all that it holds. */
  readonly key: string;
  /** What the file says of itself; empty where its format has no place for that. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Names of what else the file is made of, which was not read. */
  readonly unread: readonly string[];
}

export interface WeightFormat {
  readonly name: string;
  /** Ends of its files' names, with the dot and in small letters. */
  readonly suffixes: readonly string[];
  /** Whether a file that begins so is of this format. */
  matches(bytes: Uint8Array): boolean;
  /** `file` names it in errors; `key` is where its tensors are wanted from. Throws DataError. */
  read(bytes: Uint8Array, file: string, key?: string): WeightFile;
}

const pth: WeightFormat = {
  name: "PyTorch",
  suffixes: [".pth", ".pt", ".bin", ".ckpt"],
  matches: (bytes) => isZip(bytes) || isLegacyPth(bytes),
  read: (bytes, file, key) => ({ ...readPth(bytes, file, key), metadata: new Map() }),
};

const safetensors: WeightFormat = {
  name: "safetensors",
  suffixes: [".safetensors"],
  matches: isSafetensors,
  read: (bytes, file) => ({ ...readSafetensors(bytes, file), key: "", unread: [] }),
};

/** All formats; a row makes a format known to every command. */
export const weightFormats: readonly WeightFormat[] = [safetensors, pth];

/** Reads a file of any format; one that neither bytes nor name tell of is taken for safetensors. Throws DataError. */
export function readWeightFile(bytes: Uint8Array, file: string, key?: string): WeightFile {
  const name = file.toLowerCase();
  const format =
    weightFormats.find((f) => f.matches(bytes)) ??
    weightFormats.find((f) => f.suffixes.some((suffix) => name.endsWith(suffix))) ??
    safetensors;
  return format.read(bytes, file, key);
}
