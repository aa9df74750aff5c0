// What a pickle of torch.save names: storages, element types, and the few calls that make tensors of them. Tensors are
// views (offset, sizes, strides) of numbered storages whose bytes stand elsewhere in the file.
import { DataError } from "../errors.ts";
import { type Global, Opaque, Tuple, unpickle } from "./pickle.ts";
import type { SafetensorsDType, SafetensorsData } from "./safetensors.ts";

/** A typed array's constructor, of those that hold a tensor's elements. */
interface Elements {
  new (buffer: ArrayBufferLike, offset?: number, length?: number): SafetensorsData;
  new (length: number): SafetensorsData;
  readonly BYTES_PER_ELEMENT: number;
}

export interface Element {
  readonly dtype: SafetensorsDType;
  readonly array: Elements;
}

const element = (dtype: SafetensorsDType, array: unknown): Element => ({ dtype, array: array as Elements });
const float32 = element("F32", Float32Array);
const float64 = element("F64", Float64Array);
const float16 = element("F16", Uint16Array);
const bfloat16 = element("BF16", Uint16Array);
const int64 = element("I64", BigInt64Array);
const int32 = element("I32", Int32Array);
const int16 = element("I16", Int16Array);
const int8 = element("I8", Int8Array);
const uint8 = element("U8", Uint8Array);
const bool = element("BOOL", Uint8Array);
const uint16 = element("U16", Uint16Array);
const uint32 = element("U32", Uint32Array);
const uint64 = element("U64", BigUint64Array);

/** Element types by the name of their storage, and by their own. */
const STORAGES: Readonly<Record<string, Element>> = {
  FloatStorage: float32,
  DoubleStorage: float64,
  HalfStorage: float16,
  BFloat16Storage: bfloat16,
  LongStorage: int64,
  IntStorage: int32,
  ShortStorage: int16,
  CharStorage: int8,
  ByteStorage: uint8,
  BoolStorage: bool,
};
const DTYPES: Readonly<Record<string, Element>> = {
  float32,
  float64,
  float16,
  bfloat16,
  int64,
  int32,
  int16,
  int8,
  uint8,
  bool,
  uint16,
  uint32,
  uint64,
};

/** Bytes of the elements that are not read: a file of the older format is walked past them. */
const UNREAD_STORAGES: Readonly<Record<string, number>> = {
  ComplexFloatStorage: 8,
  ComplexDoubleStorage: 16,
  QInt8Storage: 1,
  QUInt8Storage: 1,
  QInt32Storage: 4,
};

/** A storage as the object names it; its bytes stand elsewhere in the file. */
export class Storage {
  constructor(
    readonly key: string,
    readonly type: TypeName,
    readonly count: number,
    /** The storage that this one is a part of, from its element `offset` on. */
    readonly source?: { readonly storage: Storage; readonly offset: number },
  ) {}

  /** Null where the storage is untyped (`count` is then of bytes), or of a type that is not read. */
  get element(): Element | null {
    return this.type.element;
  }
  /** Bytes of an element. */
  get width(): number {
    return this.type.width;
  }
}

/** A tensor as the pickle tells it; offset and strides count elements. */
export class StoredTensor {
  constructor(
    readonly storage: Storage,
    readonly element: Element,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** Whether the values are those of the storage times −1, as PyTorch's lazy negation leaves them. */
    readonly negative: boolean,
  ) {}
}

/** The name of a storage or of an element type; an element of null is a byte, or a number that is not read. */
class TypeName implements Global {
  constructor(
    readonly name: string,
    readonly element: Element | null,
    readonly width = element?.array.BYTES_PER_ELEMENT ?? 1,
  ) {}

  /** Whether it is of numbers that are not read: complex or quantized ones. */
  get isUnread(): boolean {
    return this.name in UNREAD_STORAGES;
  }
}

const MAX_RANK = 32;
const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const typeNames = (types: Readonly<Record<string, Element>>): [string, Global][] =>
  Object.entries(types).map(([name, e]) => [`torch.${name}`, new TypeName(name, e)]);
const untyped = (name: string): [string, Global] => [name, new TypeName(name, null)];

/** All that weights are made of. A call of these makes a Map, a list or a StoredTensor; the rest stands for itself. */
export const GLOBALS: ReadonlyMap<string, Global> = new Map<string, Global>([
  ["collections.OrderedDict", { name: "collections.OrderedDict", call: ([pairs]) => dictOf(pairs) }],
  ["collections.defaultdict", { name: "collections.defaultdict", call: () => new Map() }],
  // Before 0.4, for tensors and the data of Variables.
  ["torch._utils._rebuild_tensor", { name: "_rebuild_tensor", call: (args) => rebuilt(args) }],
  [
    "torch._utils._rebuild_tensor_v2",
    { name: "_rebuild_tensor_v2", call: (args) => rebuilt(args, { flags: args[6] }) },
  ],
  [
    "torch._utils._rebuild_tensor_v3",
    { name: "_rebuild_tensor_v3", call: (args) => rebuilt(args, { dtype: args[6], flags: args[7] }) },
  ],
  ["torch._utils._rebuild_parameter", { name: "_rebuild_parameter", call: ([tensor]) => tensor }],
  ["torch._utils._rebuild_parameter_with_state", { name: "_rebuild_parameter_with_state", call: ([tensor]) => tensor }],
  ["torch.Size", { name: "torch.Size", call: ([sizes]) => sizes }],
  untyped("torch.UntypedStorage"),
  untyped("torch.storage.UntypedStorage"),
  ...typeNames(STORAGES),
  ...Object.entries(UNREAD_STORAGES).map(([name, width]): [string, Global] => [
    `torch.${name}`,
    new TypeName(name, null, width),
  ]),
  ...typeNames(DTYPES),
]);

function dictOf(pairs: unknown): Map<unknown, unknown> {
  if (!Array.isArray(pairs)) return new Map();
  return new Map(pairs.map((pair: unknown) => (pair instanceof Tuple ? pair.items : pair) as [unknown, unknown]));
}

/**
 * The tensor that _rebuild_tensor and its successors make of (storage, offset, sizes, strides, …), of another element
 * type than the storage's where `dtype` is one, with the `flags` of its view; opaque where its numbers are not read.
 * Throws RangeError.
 */
function rebuilt(
  [storage, offset, shape, strides]: readonly unknown[],
  { dtype, flags }: { dtype?: unknown; flags?: unknown } = {},
): StoredTensor | Opaque {
  if (storage instanceof Storage && storage.type.isUnread) return new Opaque(`torch.${storage.type.name}`);
  const sizes = countsOf(shape);
  const steps = countsOf(strides);
  if (storage instanceof Storage && isCount(offset) && sizes && steps) {
    const type = dtype instanceof TypeName ? dtype.element : storage.element;
    if (type && sizes.length === steps.length && sizes.length <= MAX_RANK)
      return new StoredTensor(storage, type, offset, sizes, steps, isNegative(flags));
  }
  throw new RangeError("is called for a tensor without a storage, or with offset, sizes or strides that are none");
}

/**
 * Whether a view's flags say that its values are negated. "conj" changes nothing in real numbers. Source: PyTorch 2's
 * getTensorMetadata. Throws RangeError for any other flag that is set: it may change values.
 */
function isNegative(flags: unknown): boolean {
  if (!(flags instanceof Map)) return false;
  const other = [...flags].find(([name, set]) => name !== "conj" && name !== "neg" && Boolean(set));
  if (other) throw new RangeError(`is called with the flag ${String(other[0])}, which may change values`);
  return flags.get("neg") === true;
}

const countsOf = (v: unknown): readonly number[] | undefined =>
  v instanceof Tuple && v.items.every(isCount) ? v.items : undefined;

/** A pickled object: its tensors as StoredTensor, the storages they name by key, and where the pickle ends. */
export interface TorchObject {
  readonly object: unknown;
  readonly storages: ReadonlyMap<string, Storage>;
  /** Names of what else the object is made of; the objects made of them are Opaque. */
  readonly unread: ReadonlySet<string>;
  readonly end: number;
}

/** Reads the object that is pickled at `start`. Throws DataError. */
export function readObject(bytes: Uint8Array, start: number, file: string): TorchObject {
  const storages = new Map<string, Storage>();
  const unread = new Set<string>();
  const persistent = (id: unknown): Storage | Opaque => storageOf(id, storages, file);
  const { value, end } = unpickle(bytes, { file, globals: GLOBALS, unread, persistent }, start);
  return { object: value, storages, unread, end };
}

/** The storage that a persistent id ("storage", type, key, device, count, view) means; opaque if of unknown type. */
function storageOf(id: unknown, storages: Map<string, Storage>, file: string): Storage | Opaque {
  const [kind, type, key, , count, view] = id instanceof Tuple ? id.items : [];
  if (kind === "storage" && type instanceof Opaque) return type;
  if (kind !== "storage" || !(type instanceof TypeName) || typeof key !== "string" || !isCount(count))
    throw new DataError(file, "pickle", "refers to a storage in an unknown way", "save it again with torch.save");
  const mend = "copy or save the file again";
  const storage = storages.get(key) ?? new Storage(key, type, count);
  storages.set(key, storage);
  if (storage.type.element !== type.element || storage.width !== type.width || storage.count !== count)
    throw new DataError(file, `storage ${key}`, "has two types or sizes", mend);
  if (!(view instanceof Tuple)) return storage;
  const [, offset, size] = view.items;
  if (!isCount(offset) || !isCount(size) || offset + size > count)
    throw new DataError(file, `storage ${key}`, `has a view outside its ${count} elements`, mend);
  return new Storage(key, storage.type, size, { storage, offset });
}
