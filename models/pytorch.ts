// Between our networks and PyTorch state dicts: names by each network's `pytorchName`, layouts by rank.
//
//   convolution             [K, C, R, S]  ↔  [R, S, C, K]
//   transposed convolution  [C, K, R, S]  ↔  [R, S, K, C]
//   linear                  [K, C]        ↔  [C, K]
//   all else                as it is
import { CmedlError, type Module, type Variable } from "../engine/index.ts";

/** A network that knows the names of its variables in the reference implementation's state dict. */
export interface NamedForPyTorch extends Module {
  pytorchName(path: string): string;
  /** True for names of a file that belong to parts this network does not have, and may be left. */
  ignoredPytorchName?(name: string): boolean;
}

export interface ForeignTensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/**
 * A file of weights that is not this network's. The message names what is missing, surplus, of wrong shape or not
 * finite.
 */
export class StateDictError extends CmedlError {
  override readonly name = "StateDictError";
  constructor(message: string) {
    super("state-dict", message);
  }
}

/** The foreign axis that each axis of ours is, for a weight of this rank; both kinds of convolution swap alike. */
const axesOf = (path: string, { shape }: Variable): readonly number[] | undefined =>
  path.endsWith("weight") ? { 4: [2, 3, 1, 0], 2: [1, 0] }[shape.length] : undefined;

export interface ForeignName {
  readonly name: string;
  /** Path of the variable in our network. */
  readonly path: string;
  readonly variable: Variable;
  /** Sizes of the foreign tensor. */
  readonly shape: readonly number[];
  /** The foreign axis that each axis of ours is; absent where they agree. */
  readonly axes?: readonly number[];
}

/** Every variable of the network with its foreign name, shape and axes. */
export function foreignNames(network: NamedForPyTorch): ForeignName[] {
  return [...network.variables()].map(([path, variable]) => {
    const axes = axesOf(path, variable);
    const name = network
      .pytorchName(path)
      .replace(/\.runningMean$/, ".running_mean")
      .replace(/\.runningVariance$/, ".running_var");
    return { name, path, variable, shape: axes ? inverse(axes).map((d) => variable.shape[d]!) : variable.shape, axes };
  });
}

const inverse = (axes: readonly number[]): number[] => axes.map((_, d) => axes.indexOf(d));

/** Running averages of a norm in a state dict, and the count of steps that they are of. */
const RUNNING = /\.(running_mean|running_var|num_batches_tracked)$/;

/**
 * Whether a name is of running averages that nothing uses: of a layer without any variable here. Before 0.4 PyTorch
 * kept them for instance norms too, which normalise by the image itself.
 */
function isUnusedAverage(name: string, known: ReadonlySet<string>): boolean {
  if (name.endsWith("num_batches_tracked")) return true;
  const layer = name.replace(RUNNING, ".");
  return layer !== name && ![...known].some((other) => other.startsWith(layer));
}

/**
 * Values of a state dict in our layouts, by variable. Strict: every variable must be there, nothing else may be
 * (running averages that nothing uses apart, and what the network ignores), shapes must agree, values be finite.
 * `optional` names may be missing. Throws StateDictError.
 */
export function fromStateDict(
  network: NamedForPyTorch,
  dict: ReadonlyMap<string, ForeignTensor>,
  optional: (name: string) => boolean = () => false,
): Map<Variable, Float32Array> {
  const values = new Map<Variable, Float32Array>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  const nonFinite: string[] = [];
  const known = new Set<string>();
  for (const { name, variable, axes, shape } of foreignNames(network)) {
    known.add(name);
    const tensor = dict.get(name);
    if (!tensor) {
      if (!optional(name)) missing.push(name);
    } else if (tensor.shape.length !== shape.length || tensor.shape.some((n, d) => n !== shape[d])) {
      misshapen.push(`${name} is [${tensor.shape.join(", ")}], needed is [${shape.join(", ")}]`);
    } else {
      const bad = count(tensor.data, (v) => !Number.isFinite(v));
      if (bad) nonFinite.push(`${name} has ${bad} non-finite values of ${tensor.data.length}`);
      else values.set(variable, permuted(tensor.data, shape, axes));
    }
  }
  const surplus = [...dict.keys()].filter(
    (name) => !known.has(name) && !isUnusedAverage(name, known) && !network.ignoredPytorchName?.(name),
  );
  const problems = [
    ...(missing.length ? [`missing ${list(missing)}`] : []),
    ...(surplus.length ? [`surplus ${list(surplus)}`] : []),
    ...(misshapen.length ? [list(misshapen)] : []),
    ...(nonFinite.length ? [list(nonFinite)] : []),
  ];
  if (problems.length) throw new StateDictError(`the weights are not those of this network: ${problems.join("; ")}`);
  return values;
}

/** Makes a state dict the values that devices start this network with. Throws StateDictError. */
export function loadStateDict(network: NamedForPyTorch, dict: ReadonlyMap<string, ForeignTensor>): void {
  for (const [variable, data] of fromStateDict(network, dict)) variable.setInitial(data);
}

/** The state dict of a network whose current values `valueOf` gives. */
export function toStateDict(
  network: NamedForPyTorch,
  valueOf: (v: Variable) => ArrayLike<number>,
): Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }> {
  return new Map(
    foreignNames(network).map(({ name, variable, axes, shape }) => [
      name,
      { shape, data: permuted(valueOf(variable), variable.shape, axes && inverse(axes)) },
    ]),
  );
}

/** x of `shape` row-major with its axes in the order `perm`. */
export function permuted(
  x: ArrayLike<number>,
  shape: readonly number[],
  perm?: readonly number[],
): Float32Array<ArrayBuffer> {
  if (!perm) return Float32Array.from(x);
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((n, m) => n * m, 1));
  const out = new Float32Array(x.length);
  const index = new Array<number>(perm.length).fill(0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = x[from]!;
    for (let d = perm.length - 1; d >= 0; d--) {
      from += strides[perm[d]!]!;
      if (++index[d]! < shape[perm[d]!]!) break;
      from -= strides[perm[d]!]! * shape[perm[d]!]!;
      index[d] = 0;
    }
  }
  return out;
}

function count(x: ArrayLike<number>, holds: (v: number) => boolean): number {
  let n = 0;
  for (let i = 0; i < x.length; i++) if (holds(x[i]!)) n++;
  return n;
}

/** At most six names, fit to print: a file's names may hold anything. */
const list = (names: readonly string[]): string =>
  (names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ")).replace(
    /[^ -;=?-~]/g,
    "?",
  );
