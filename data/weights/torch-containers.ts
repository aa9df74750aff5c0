// The two files that torch.save writes round an object and its storages: a zip since 1.6, and before that a run of
// pickles followed by the storages.
import { DataError } from "../errors.ts";
import { refuseSubstitute } from "./substitute.ts";
import { SAVE_ALONE, unpickle } from "./pickle.ts";
import { GLOBALS, type Storage, readObject } from "./torch-object.ts";
import { Zip } from "./zip.ts";

/** A file's object, and the bytes of a storage that it names, at least those from the storage's first element on. */
export interface Contents {
  readonly object: unknown;
  /** Names of what else the object is made of, which was not read. */
  readonly unread: ReadonlySet<string>;
  storageBytes(storage: Storage): Uint8Array;
}

/** What one pickle may hold: a state dict's is far below. */
const MAX_PICKLE = 64 * 2 ** 20;
/** The first pickle of the older format, its version, and the answer to bytes that are not that. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;
/** Opcodes that a pickle begins with: its protocol, and from protocol 4 on a frame of a length in eight bytes. */
const PROTOCOL = 0x80;
const FRAME = 0x95;
const GIVE_PTH = "give a .pth or .pt that torch.save wrote";
const COPY = "copy or save the file again";

/** Opens the zip. Throws DataError. */
export function readZip(bytes: Uint8Array, file: string): Contents {
  const zip = new Zip(bytes, file);
  const pickle = pickleIn(zip, file);
  const folder = pickle.slice(0, -"data.pkl".length);
  if (zip.has(`${folder}constants.pkl`)) {
    const mend = "save its weights: torch.save(torch.jit.load(path).state_dict(), other)";
    throw new DataError(file, "zip", "is a TorchScript module, which holds code", mend);
  }
  if (zip.has(`${folder}byteorder`) && new TextDecoder().decode(zip.read(`${folder}byteorder`)).trim() !== "little")
    throw new DataError(file, "byteorder", "is big-endian", "save it on a little-endian machine");
  if (zip.sizeOf(pickle) > MAX_PICKLE) {
    const problem = `is ${zip.sizeOf(pickle)} bytes; at most ${MAX_PICKLE} are read`;
    throw new DataError(file, "data.pkl", problem, SAVE_ALONE);
  }
  const { object, storages, unread } = readObject(zip.read(pickle), 0, file);
  const entryOf = (key: string): string => `${folder}data/${key}`;
  for (const s of storages.values()) {
    if (!zip.has(entryOf(s.key))) throw new DataError(file, entryOf(s.key), "is missing", COPY);
    checkSize(s, zip.sizeOf(entryOf(s.key)), file);
  }
  const read = new Map<string, Uint8Array>();
  const bytesOf = (key: string): Uint8Array => {
    const found = read.get(key) ?? zip.read(entryOf(key));
    read.set(key, found);
    return found;
  };
  return { object, unread, storageBytes: (s) => bytesOf(s.key) };
}

/** The entry of the pickled object, data.pkl in the archive's one folder. */
function pickleIn(zip: Zip, file: string): string {
  const [pickle, ...others] = zip.names.filter((n) => /^([^/]*\/)?data\.pkl$/.test(n));
  if (pickle !== undefined && others.length === 0) return pickle;
  throw new DataError(
    file,
    "zip",
    pickle === undefined
      ? "holds no data.pkl, so it is not what torch.save writes"
      : `holds ${others.length + 1} objects (data.pkl)`,
    "give a file that torch.save(model.state_dict(), path) wrote",
  );
}

/** The magic number as every binary protocol of pickle writes it: an integer of ten bytes, the lowest first. */
const MAGIC_BYTES = [0x8a, 10, ...Array.from({ length: 10 }, (_, i) => Number((MAGIC >> BigInt(8 * i)) & 0xffn))];

/** Whether a file that begins so is of the older format: a pickle's protocol, perhaps a frame, and the magic number. */
export function isLegacyPth(bytes: Uint8Array): boolean {
  if (bytes[0] !== PROTOCOL) return false;
  const at = bytes[2] === FRAME ? 11 : 2;
  return MAGIC_BYTES.every((b, i) => bytes[at + i] === b);
}

/**
 * Opens the older format: magic number, version, system, object, the storages' keys, their elements. Throws DataError.
 */
export function readLegacy(bytes: Uint8Array, file: string): Contents {
  refuseSubstitute(bytes, file, "weights");
  if (new TextDecoder("latin1").decode(bytes.subarray(0, 300)).startsWith("ustar", 257)) {
    const mend = "load it and save it again with a newer PyTorch";
    throw new DataError(file, "file", "is a tar of PyTorch before 0.1.10", mend);
  }
  if (bytes[0] !== PROTOCOL) throw new DataError(file, "file", "begins like no file of PyTorch", GIVE_PTH);
  const plain = (start: number): { value: unknown; end: number } => unpickle(bytes, { file, globals: GLOBALS }, start);
  const magic = plain(0);
  if (magic.value !== MAGIC) throw new DataError(file, "magic number", "is not that of torch.save", GIVE_PTH);
  const version = plain(magic.end);
  if (version.value !== VERSION) {
    const problem = `is ${String(version.value)}, not ${VERSION}`;
    throw new DataError(file, "protocol version", problem, "save it again with a newer PyTorch");
  }
  const system = plain(version.end);
  if (system.value instanceof Map && system.value.get("little_endian") === false)
    throw new DataError(file, "byte order", "is big-endian", "save it on a little-endian machine");
  const { object, storages, unread, end } = readObject(bytes, system.end, file);
  const keys = plain(end);
  if (!Array.isArray(keys.value)) throw new DataError(file, "storage keys", "are no list", COPY);
  const contents = legacyStorages(bytes, keys.end, keys.value, storages, file);
  return {
    object,
    unread,
    storageBytes(s) {
      const { storage, offset } = s.source ?? { storage: s, offset: 0 };
      const found = contents.get(storage.key);
      if (!found) throw new DataError(file, `storage ${storage.key}`, "is not in the file", COPY);
      return found.subarray(offset * storage.width);
    },
  };
}

/** The bytes of the storages `keys`, which follow one another from `start` on, each after its number of elements. */
function legacyStorages(
  bytes: Uint8Array,
  start: number,
  keys: readonly unknown[],
  storages: ReadonlyMap<string, Storage>,
  file: string,
): Map<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  let at = start;
  for (const key of keys) {
    const storage = storages.get(String(key));
    const field = `storage ${String(key)}`;
    if (!storage || (!storage.element && !storage.type.isUnread))
      throw new DataError(file, field, "is listed, but no tensor uses it", COPY);
    if (at + 8 > bytes.length) throw new DataError(file, field, "is cut off", COPY);
    const count = Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, true));
    if (count !== storage.count) {
      const problem = `holds ${count} elements, the object says ${storage.count}`;
      throw new DataError(file, field, problem, COPY);
    }
    const size = count * storage.width;
    at += 8;
    checkSize(storage, Math.min(size, bytes.length - at), file);
    found.set(storage.key, bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}

function checkSize(storage: Storage, size: number, file: string): void {
  const need = storage.count * storage.width;
  if (need > size)
    throw new DataError(file, `storage ${storage.key}`, `needs ${need} bytes, the file holds ${size}`, COPY);
}
