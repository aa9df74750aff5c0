// The weighted mean of several files of weights: the server's half of federated averaging.
import { DataError, printable } from "../errors.ts";
import { type SafetensorsDType, type SafetensorsTensor, toFloat32 } from "./safetensors.ts";

/** Weights of one site, and how much they count. */
export interface SiteWeights {
  /** What errors call them. */
  readonly file: string;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Above 0; only the proportions between sites matter. Such as the number of training cases. */
  readonly weight: number;
}

export interface AverageWeights {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  /** What all sites' metadata say alike. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** How many batches a norm's running averages are of, as PyTorch counts them. */
const COUNT = "num_batches_tracked";

/**
 * Σ nₖ wₖ / Σ nₖ over the sites k (McMahan et al., Communication-efficient learning of deep networks from decentralized
 * data, 2017, algorithm 1), of every tensor of floats, running statistics among them: summed in f64, rounded once to
 * the tensors' own type. Whole numbers have no mean: where all sites have the same ones they stay,
 * `num_batches_tracked` becomes the largest. Throws DataError, which names file and tensor, where sites have other
 * names, types or shapes than the first, values that are not finite, or other whole numbers.
 */
export function averageWeights(sites: readonly [SiteWeights, ...SiteWeights[]]): AverageWeights {
  const [first, ...others] = sites;
  for (const other of others) checkAlike(first, other);
  const names = [...first.tensors.keys()];
  return {
    tensors: new Map(names.map((name) => [name, averageTensor(sites, name)])),
    metadata: new Map([...first.metadata].filter(([key, text]) => others.every((o) => o.metadata.get(key) === text))),
  };
}

const show = ({ dtype, shape }: SafetensorsTensor): string => `${dtype} [${shape.join(", ")}]`;
const tensorCalled = (name: string): string => `tensor ${printable(name, 100)}`;
const ALIKE = "average weights of one network, which all sites train";

/** Throws DataError where `other` has not the names, types and shapes of `first`. */
function checkAlike(first: SiteWeights, other: SiteWeights): void {
  for (const [name, tensor] of first.tensors) {
    const found = other.tensors.get(name);
    if (!found) throw new DataError(other.file, tensorCalled(name), `is missing, ${first.file} has it`, ALIKE);
    if (show(found) !== show(tensor))
      throw new DataError(
        other.file,
        tensorCalled(name),
        `is ${show(found)}, in ${first.file} it is ${show(tensor)}`,
        ALIKE,
      );
  }
  for (const name of other.tensors.keys())
    if (!first.tensors.has(name))
      throw new DataError(first.file, tensorCalled(name), `is missing, ${other.file} has it`, ALIKE);
}

function averageTensor(sites: readonly [SiteWeights, ...SiteWeights[]], name: string): SafetensorsTensor {
  const { dtype, shape } = sites[0].tensors.get(name)!;
  const round = ROUNDED[dtype];
  if (!round) return wholeNumbers(sites, name);
  const total = sites.reduce((n, { weight }) => n + weight, 0);
  const sum = new Float64Array(shape.reduce((n, d) => n * d, 1));
  for (const { file, tensors, weight } of sites) {
    const tensor = tensors.get(name)!;
    const values = tensor.data instanceof Float64Array ? tensor.data : toFloat32(tensor);
    let bad = 0;
    for (const [i, value] of values.entries()) {
      if (!Number.isFinite(value)) bad++;
      sum[i]! += weight * value;
    }
    if (bad === 0) continue;
    const problem = `has ${bad} values of ${values.length} that are not finite`;
    throw new DataError(file, tensorCalled(name), problem, "leave this site out of the round");
  }
  return { dtype, shape, data: round(sum.map((value) => value / total)) };
}

/** From f64 to the types that have a mean. */
const ROUNDED: Readonly<
  Partial<Record<SafetensorsDType, (values: Float64Array<ArrayBuffer>) => SafetensorsTensor["data"]>>
> = {
  F64: (values) => values,
  F32: (values) => Float32Array.from(values),
  F16: (values) => Uint16Array.from(values, (v) => bits16(v, 10, -14)),
  BF16: (values) => Uint16Array.from(values, (v) => bits16(v, 7, -126)),
};

/**
 * The bits of the nearest float of 16 bits, to even where two are as near: of `fraction` bits and of 2^`least` as its
 * smallest normal number. `value` is within the type's range.
 */
function bits16(value: number, fraction: number, least: number): number {
  const size = Math.abs(value);
  const exponent = Math.max(size === 0 ? least : Math.floor(Math.log2(size)), least);
  const units = size / 2 ** (exponent - fraction);
  const below = Math.floor(units);
  const up = units - below > 0.5 || (units - below === 0.5 && below % 2 === 1);
  // Units carry into the exponent, which stands above them.
  const bits = (exponent - least) * 2 ** fraction + below + Number(up);
  return Object.is(Math.sign(value), -1) || Object.is(value, -0) ? bits + 0x8000 : bits;
}

/** Whole numbers as all sites have them; of counts of batches the largest. */
function wholeNumbers(sites: readonly [SiteWeights, ...SiteWeights[]], name: string): SafetensorsTensor {
  const [first, ...others] = sites;
  let kept = first.tensors.get(name)!;
  for (const other of others) {
    const tensor = other.tensors.get(name)!;
    if (name.endsWith(COUNT)) {
      if (Number(tensor.data[0]) > Number(kept.data[0])) kept = tensor;
    } else if (tensor.data.some((value, i) => value !== kept.data[i]))
      throw new DataError(
        other.file,
        tensorCalled(name),
        `holds other whole numbers than in ${first.file}, and ${tensor.dtype} has no mean`,
        "make them equal, or store them as floats",
      );
  }
  return kept;
}
