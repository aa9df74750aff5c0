// PyTorch's own files (.pth, .pt): the zip that torch.save writes since 1.6, and the older run of pickles. Both hold
// one pickled object whose tensors are views (offset, sizes, strides) of numbered storages. Read by the restricted
// unpickler, so nothing runs.
import { DataError } from "../errors.ts";
import { type Global, Tuple, unpickle } from "./pickle.ts";
import type { SafetensorsData, SafetensorsDType, SafetensorsTensor } from "./safetensors.ts";
import { Zip, isZip } from "./zip.ts";

type Numbers = {
  new (buffer: ArrayBufferLike, offset?: number, length?: number): SafetensorsData;
  new (length: number): SafetensorsData;
  readonly BYTES_PER_ELEMENT: number;
};
interface Element {
  readonly dtype: SafetensorsDType;
  readonly array: Numbers;
}

const element = (dtype: SafetensorsDType, array: unknown): Element => ({ dtype, array: array as Numbers });
/** Element types by the name of their storage, and by their own. */
const STORAGES: Readonly<Record<string, Element>> = {
  FloatStorage: element("F32", Float32Array),
  DoubleStorage: element("F64", Float64Array),
  HalfStorage: element("F16", Uint16Array),
  BFloat16Storage: element("BF16", Uint16Array),
  LongStorage: element("I64", BigInt64Array),
  IntStorage: element("I32", Int32Array),
  ShortStorage: element("I16", Int16Array),
  CharStorage: element("I8", Int8Array),
  ByteStorage: element("U8", Uint8Array),
  BoolStorage: element("BOOL", Uint8Array),
};
const DTYPES: Readonly<Record<string, Element>> = {
  float32: STORAGES.FloatStorage,
  float64: STORAGES.DoubleStorage,
  float16: STORAGES.HalfStorage,
  bfloat16: STORAGES.BFloat16Storage,
  int64: STORAGES.LongStorage,
  int32: STORAGES.IntStorage,
  int16: STORAGES.ShortStorage,
  int8: STORAGES.CharStorage,
  uint8: STORAGES.ByteStorage,
  bool: STORAGES.BoolStorage,
  uint16: element("U16", Uint16Array),
  uint32: element("U32", Uint32Array),
  uint64: element("U64", BigUint64Array),
};

/** Bytes of a storage: known at once in a zip, after the object in the older format. */
class Storage {
  bytes?: Uint8Array;
  constructor(
    readonly key: string,
    readonly element: Element | null,
    readonly count: number,
    readonly source?: { of: Storage; offset: number },
  ) {}
}
class TypedGlobal implements Global {
  constructor(
    readonly name: string,
    readonly element: Element | null,
  ) {}
}
/** A tensor as the pickle tells it. */
class Stored {
  constructor(
    readonly storage: Storage,
    readonly element: Element,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

export interface Pth {
  readonly tensors: Map<string, SafetensorsTensor>;
  /** Where in the file's object the state dict stood: "state_dict", or "" where it is the object itself. */
  readonly key: string;
}

/** What one pickle may hold: a state dict's is far below. */
const MAX_PICKLE = 64 * 2 ** 20;
const MAX_RANK = 32;
const MAGIC = 0x1950a86a20f9469cfc6cn;
const KEYS = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "params_ema",
  "params",
  "weights",
  "module",
];

/**
 * The state dict of a file: the object itself, or what it holds under `key` ("a.b" goes deeper), or else under one of
 * the usual names (state_dict, model, net, …), or the only dict of tensors in it. Views are made contiguous; what is
 * no tensor is left out. Throws DataError where the file is damaged, lies about sizes, names anything but what
 * tensors are made of, or holds no single state dict.
 */
export function readPth(bytes: Uint8Array, file = "pth", key?: string): Pth {
  const { object, storageBytes } = isZip(bytes) ? readZip(bytes, file) : readLegacy(bytes, file);
  const found = stateDictIn(object, file, key);
  // Contiguous tensors are views of the file; copies are limited, for a few bytes of strides can ask for any number
  // of elements.
  let room = 4 * bytes.length + 16 * 2 ** 20;
  const allocate = (count: number, name: string): void => {
    room -= count;
    if (room < 0)
      throw new DataError(
        file,
        `tensor ${name}`,
        `would unfold into ${count} bytes, far more than the file holds`,
        "save it contiguous: tensor.contiguous()",
      );
  };
  const tensors = new Map(
    [...found.dict].map(([name, t]) => [name, materialize(t, storageBytes(t.storage), name, file, allocate)]),
  );
  return { tensors, key: found.key };
}

interface Contents {
  object: unknown;
  storageBytes(s: Storage): Uint8Array;
}

function readZip(bytes: Uint8Array, file: string): Contents {
  const zip = new Zip(bytes, file);
  const main = zip.names.filter((n) => /^([^/]*\/)?data\.pkl$/.test(n));
  if (main.length !== 1)
    throw new DataError(
      file,
      "zip",
      main.length
        ? `holds ${main.length} objects (data.pkl)`
        : "holds no data.pkl, so it is not what torch.save writes",
      "give a file that torch.save(model.state_dict(), path) wrote",
    );
  const folder = main[0].slice(0, -"data.pkl".length);
  if (zip.has(`${folder}constants.pkl`))
    throw new DataError(
      file,
      "zip",
      "is a TorchScript module, which holds code",
      "save its weights: torch.save(torch.jit.load(path).state_dict(), other)",
    );
  if (zip.has(`${folder}byteorder`) && new TextDecoder().decode(zip.read(`${folder}byteorder`)).trim() !== "little")
    throw new DataError(file, "byteorder", "is big-endian", "save it on a little-endian machine");
  if (zip.sizeOf(main[0]) > MAX_PICKLE)
    throw new DataError(
      file,
      "data.pkl",
      `is ${zip.sizeOf(main[0])} bytes; at most ${MAX_PICKLE} are read`,
      "save the state dict alone: torch.save(model.state_dict(), path)",
    );
  const { object, storages } = readObject(zip.read(main[0]), 0, file);
  for (const s of storages.values()) {
    const entry = `${folder}data/${s.key}`;
    if (!zip.has(entry)) throw new DataError(file, entry, "is missing", "copy or save the file again");
    checkSize(s, zip.sizeOf(entry), file);
  }
  return { object, storageBytes: (s) => (s.bytes ??= zip.read(`${folder}data/${s.key}`)) };
}

function readLegacy(bytes: Uint8Array, file: string): Contents {
  const opening = new TextDecoder("latin1").decode(bytes.subarray(0, 300));
  if (opening.startsWith("version https://git-lfs"))
    throw new DataError(
      file,
      "file",
      "this is a Git LFS pointer, not the weights",
      "fetch the real file with `git lfs pull`",
    );
  if (/^\s*<(!doctype|html|\?xml)/i.test(opening))
    throw new DataError(
      file,
      "file",
      "this is a web page, not the weights",
      "download it again from an address that gives the file itself",
    );
  if (opening.startsWith("ustar", 257))
    throw new DataError(
      file,
      "file",
      "is a tar of PyTorch before 0.1.10",
      "load it and save it again with a newer PyTorch",
    );
  if (bytes[0] !== 0x80)
    throw new DataError(file, "file", "begins like no file of PyTorch", "give a .pth or .pt that torch.save wrote");
  const plain = (start: number): { value: unknown; end: number } => unpickle(bytes, { file, globals: GLOBALS }, start);
  const magic = plain(0);
  if (magic.value !== MAGIC)
    throw new DataError(file, "magic number", "is not that of torch.save", "give a .pth or .pt that torch.save wrote");
  const version = plain(magic.end);
  if (version.value !== 1001)
    throw new DataError(
      file,
      "protocol version",
      `is ${String(version.value)}, not 1001`,
      "save it again with a newer PyTorch",
    );
  const system = plain(version.end);
  if (system.value instanceof Map && system.value.get("little_endian") === false)
    throw new DataError(file, "byte order", "is big-endian", "save it on a little-endian machine");
  const { object, storages, end } = readObject(bytes, system.end, file);
  const keys = plain(end);
  if (!Array.isArray(keys.value))
    throw new DataError(file, "storage keys", "are no list", "copy or save the file again");
  let at = keys.end;
  for (const key of keys.value as unknown[]) {
    const s = storages.get(String(key));
    if (!s?.element)
      throw new DataError(
        file,
        `storage ${String(key)}`,
        "is listed, but no tensor uses it",
        "copy or save the file again",
      );
    if (at + 8 > bytes.length)
      throw new DataError(file, `storage ${s.key}`, "is cut off", "copy or save the file again");
    const count = Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, true));
    const size = count * s.element.array.BYTES_PER_ELEMENT;
    if (count !== s.count)
      throw new DataError(
        file,
        `storage ${s.key}`,
        `holds ${count} elements, the object says ${s.count}`,
        "copy or save the file again",
      );
    at += 8;
    checkSize(s, Math.min(size, bytes.length - at), file);
    s.bytes = bytes.subarray(at, (at += size));
  }
  return {
    object,
    storageBytes(s) {
      const base = s.source?.of ?? s;
      if (!base.bytes)
        throw new DataError(file, `storage ${base.key}`, "is not in the file", "copy or save the file again");
      return s.source ? base.bytes.subarray(s.source.offset * s.element!.array.BYTES_PER_ELEMENT) : base.bytes;
    },
  };
}

function checkSize(s: Storage, size: number, file: string): void {
  const need = s.count * (s.element?.array.BYTES_PER_ELEMENT ?? 1);
  if (need > size)
    throw new DataError(
      file,
      `storage ${s.key}`,
      `needs ${need} bytes, the file holds ${size}`,
      "copy or save the file again",
    );
}

/** The pickled object, its tensors as `Stored`, and the storages they name. */
function readObject(
  bytes: Uint8Array,
  start: number,
  file: string,
): { object: unknown; storages: Map<string, Storage>; end: number } {
  const storages = new Map<string, Storage>();
  const persistent = (id: unknown): Storage => {
    const [kind, type, key, , count, viewed] = id instanceof Tuple ? id.items : [];
    if (kind !== "storage" || !(type instanceof TypedGlobal) || typeof key !== "string" || !isCount(count))
      throw new DataError(file, "pickle", "refers to a storage in an unknown way", "save it again with torch.save");
    let s = storages.get(key);
    if (!s) storages.set(key, (s = new Storage(key, type.element, count)));
    if (s.element !== type.element || s.count !== count)
      throw new DataError(file, `storage ${key}`, "has two types or sizes", "copy or save the file again");
    if (!(viewed instanceof Tuple)) return s;
    const [, offset, size] = viewed.items;
    if (!isCount(offset) || !isCount(size) || offset + size > count)
      throw new DataError(
        file,
        `storage ${key}`,
        `has a view outside its ${count} elements`,
        "copy or save the file again",
      );
    return new Storage(key, s.element, size, { of: s, offset });
  };
  const { value, end } = unpickle(bytes, { file, globals: GLOBALS, persistent }, start);
  return { object: value, storages, end };
}

const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;

/** All that weights are made of. A call of these makes a Map, a list or a `Stored`; the rest stands for itself. */
const GLOBALS: ReadonlyMap<string, Global> = new Map<string, Global>([
  [
    "collections.OrderedDict",
    {
      name: "collections.OrderedDict",
      call: ([pairs]) =>
        new Map(
          pairs instanceof Array
            ? pairs.map((p) =>
                (p as unknown[] | Tuple) instanceof Tuple
                  ? ((p as Tuple).items as [unknown, unknown])
                  : (p as [unknown, unknown]),
              )
            : [],
        ),
    },
  ],
  ["torch._utils._rebuild_tensor_v2", { name: "_rebuild_tensor_v2", call: (args) => rebuilt(args) }],
  ["torch._utils._rebuild_tensor_v3", { name: "_rebuild_tensor_v3", call: (args) => rebuilt(args, args[6]) }],
  ["torch._utils._rebuild_parameter", { name: "_rebuild_parameter", call: ([tensor]) => tensor }],
  ["torch.Size", { name: "torch.Size", call: ([sizes]) => sizes }],
  ...Object.entries(STORAGES).map(([name, e]): [string, Global] => [`torch.${name}`, new TypedGlobal(name, e)]),
  ...["torch.UntypedStorage", "torch.storage.UntypedStorage"].map((name): [string, Global] => [
    name,
    new TypedGlobal(name, null),
  ]),
  ...Object.entries(DTYPES).map(([name, e]): [string, Global] => [`torch.${name}`, new TypedGlobal(name, e)]),
]);

function rebuilt([storage, offset, shape, strides]: readonly unknown[], dtype?: unknown): Stored {
  const e = dtype instanceof TypedGlobal ? dtype.element : storage instanceof Storage ? storage.element : null;
  const sizes = shape instanceof Tuple ? shape.items : null;
  const steps = strides instanceof Tuple ? strides.items : null;
  const sound =
    storage instanceof Storage &&
    e &&
    isCount(offset) &&
    sizes?.every(isCount) &&
    steps?.every(isCount) &&
    sizes.length === steps.length &&
    sizes.length <= MAX_RANK;
  if (!sound)
    throw new RangeError("is called for a tensor without a storage, or with offset, sizes or strides that are none");
  return new Stored(storage, e, offset, sizes as number[], steps as number[]);
}

/** The elements in row-major order: a view where they lie so, else a copy. */
function materialize(
  t: Stored,
  bytes: Uint8Array,
  name: string,
  file: string,
  allocate: (bytes: number, name: string) => void,
): SafetensorsTensor {
  const {
    offset,
    shape,
    strides,
    element: { dtype, array },
  } = t;
  const width = array.BYTES_PER_ELEMENT;
  const available = Math.min(Math.floor(bytes.length / width), t.storage.element ? t.storage.count : Infinity);
  const count = shape.reduce((n, d) => n * d, 1);
  if (count === 0) return { dtype, shape, data: new array(0) };
  const last = shape.reduce((n, d, i) => n + (d - 1) * strides[i], offset);
  if (!Number.isSafeInteger(count) || !(last < available))
    throw new DataError(
      file,
      `tensor ${name}`,
      `[${shape.join(", ")}] with strides [${strides.join(", ")}] reaches element ${last} of a storage of ${available}`,
      "copy or save the file again",
    );
  let expected = 1;
  let contiguous = true;
  for (let d = shape.length - 1; d >= 0; expected *= shape[d--])
    if (shape[d] !== 1 && strides[d] !== expected) contiguous = false;
  const from = bytes.byteOffset + offset * width;
  if (contiguous && from % width === 0) return { dtype, shape, data: new array(bytes.buffer, from, count) };
  allocate(count * width, name);
  if (contiguous)
    return { dtype, shape, data: new array(bytes.slice(offset * width, (offset + count) * width).buffer) };
  // Whole elements as bytes: the storage may lie at any address.
  const out = new Uint8Array(count * width);
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < count; i++) {
    for (let b = 0; b < width; b++) out[i * width + b] = bytes[at * width + b];
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return { dtype, shape, data: new array(out.buffer) };
}

/** The dict of tensors within a file's object. */
function stateDictIn(
  object: unknown,
  file: string,
  key: string | undefined,
): { dict: Map<string, Stored>; key: string } {
  const mend = "save the state dict alone: torch.save(model.state_dict(), path)";
  const tensorsOf = (v: unknown): Map<string, Stored> =>
    new Map(
      v instanceof Map
        ? [...(v as Map<unknown, unknown>)].filter(
            (e): e is [string, Stored] => typeof e[0] === "string" && e[1] instanceof Stored,
          )
        : [],
    );
  const candidates = new Map<string, Map<string, Stored>>();
  const seen = new Set<unknown>();
  const search = (v: unknown, path: string, depth: number): void => {
    if (!(v instanceof Map) || seen.has(v) || depth > 4) return;
    seen.add(v);
    const dict = tensorsOf(v);
    if (dict.size > 0) candidates.set(path, dict);
    else
      for (const [k, inner] of v as Map<unknown, unknown>)
        if (typeof k === "string") search(inner, path ? `${path}.${k}` : k, depth + 1);
  };
  search(object, "", 0);
  const names = [...candidates.keys()];
  const chosen =
    key ??
    (candidates.has("") || names.length === 1
      ? names[0]
      : [...KEYS, ...KEYS.flatMap((k) => KEYS.map((l) => `${k}.${l}`))].find((k) => candidates.has(k)));
  const dict = chosen === undefined ? undefined : candidates.get(chosen);
  if (dict) return { dict, key: chosen! };
  if (names.length === 0) throw new DataError(file, "content", "holds no dict of tensors", mend);
  throw new DataError(
    file,
    "content",
    `${key === undefined ? "holds several dicts of tensors" : `holds no dict of tensors under ${key}`}: ${names
      .slice(0, 8)
      .map((n) => n || "the object itself")
      .join(", ")}`,
    "name one by --key",
  );
}
