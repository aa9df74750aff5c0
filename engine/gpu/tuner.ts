// Finds the values of a kernel's tunables that are fastest on one adapter, and keeps them as plain JSON.
import { type Consts, type Kernel, type Params, type Traits, specialize } from "../../kernels/kernel.ts";
import type { Gpu } from "./gpu.ts";
import { timeDispatches } from "./profiler.ts";

/**
 * Values of tunables by adapter, kernel and shape class (`tuningKey`). JSON: Node keeps it in a file, a page in
 * IndexedDB.
 */
export type Tuned = Readonly<Record<string, Consts>>;

/** Where a kernel is tuned. */
export interface TuningPlace {
  /** With the driver's version, where the browser or Dawn tells it. */
  readonly adapterName: string;
  readonly traits: Traits;
}

/** Sizes up to this many stand as they are in a shape class: filters, strides and few channels decide. */
const EXACT = 16;

/**
 * Names one case: the adapter and its driver, the kernel and its text's hash, what it stores, the seams that its
 * problem sets (such as mirrored borders), and its Params, those above EXACT each rounded up to a power of two.
 */
export function tuningKey(
  { adapterName, traits }: TuningPlace,
  kernel: Kernel,
  params: Params,
  aliases: Readonly<Record<string, string>>,
): string {
  const classOf = (value: number): number => (value > EXACT ? 2 ** Math.ceil(Math.log2(value)) : value);
  const shape = kernel.params
    .filter((f) => f.type === "u32" && !f.name.startsWith("chunk"))
    .map(({ name }) => `${name}${classOf(Number(params[name]))}`);
  const seams = Object.entries(kernel.consts?.(params, traits) ?? {})
    .filter(([name]) => !(name in (kernel.tunables ?? {})))
    .map(([name, value]) => `${name}=${value}`);
  const storage = Object.entries(aliases).map(([name, type]) => `${name}=${type}`);
  const of = [...(storage.length ? storage : ["f32"]), ...seams];
  return [adapterName, `${kernel.name} ${textHash(kernel.source)}`, of.join(" "), shape.join(" ")].join(" | ");
}

const hashes = new Map<string, string>();
/** FNV-1a of 32 bits: another text of a kernel is another kernel to time. */
function textHash(text: string): string {
  const known = hashes.get(text);
  if (known) return known;
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  const hash = (h >>> 0).toString(16).padStart(8, "0");
  hashes.set(text, hash);
  return hash;
}

/**
 * A dispatch as it would run: its kernel and finished WGSL, and what it binds, of which the tuner makes copies of its
 * own.
 */
export interface TunedCase {
  readonly label: string;
  readonly kernel: Kernel;
  /** Its values now, tunables among them. */
  readonly consts: Consts;
  readonly code: string;
  readonly layout: readonly GPUBindGroupLayoutEntry[];
  readonly memory: readonly { readonly binding: number; readonly bytes: number }[];
  readonly uniforms: readonly { readonly binding: number; readonly data: ArrayBuffer }[];
  readonly cost: { readonly flops: number; readonly bytes: number };
  /** Workgroup counts at these values of the tunables. */
  workgroups(choice: Consts): readonly [number, number, number];
}

/** Cases larger than this are left as they are: their buffers are made once more to be timed. */
const MOST_BYTES = 2 ** 29;
const REPEATS = 7;
/** Values that take more than this share of the time of those at hand are no gain beyond noise. */
const WORTH = 0.97;

const medianOf = (values: readonly number[]): number => values.toSorted((x, y) => x - y)[values.length >> 1]!;

/** Every combination of a kernel's tunables. */
export const combinations = (kernel: Kernel): Consts[] =>
  Object.entries(kernel.tunables ?? {}).reduce<Consts[]>(
    (all, [name, values]) => all.flatMap((c) => values.map((v) => ({ ...c, [name]: v }))),
    [{}],
  );

/** What was found for one case: the fastest values, and the medians at these and at those that it had. */
export interface TunedKernel {
  readonly label: string;
  readonly kernel: string;
  readonly consts: Consts;
  readonly timeUs: number;
  readonly beforeUs: number;
}

/**
 * The fastest values of a case's tunables, by medians of runs in turns; undefined where there is nothing to choose.
 * Throws UsageError without timestamp-query.
 */
export async function tuneCase(
  gpu: Gpu,
  { label, kernel, consts, code, layout, memory, uniforms, cost, workgroups }: TunedCase,
): Promise<TunedKernel | undefined> {
  const choices = combinations(kernel);
  if (choices.length < 2 || memory.reduce((n, m) => n + m.bytes, 0) > MOST_BYTES) return undefined;
  const buffers: GPUBuffer[] = [];
  try {
    const entry = (binding: number, bytes: number, usage: GPUBufferUsageFlags): GPUBindGroupEntry => {
      buffers.push(gpu.createBuffer(bytes, usage, `tuning ${kernel.name}`));
      return { binding, resource: { buffer: buffers.at(-1)! } };
    };
    const entries = await gpu.scoped(`tuning ${kernel.name}`, () => [
      ...memory.map((m) => entry(m.binding, m.bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM)),
      ...uniforms.map(({ binding, data }) => {
        const bound = entry(binding, data.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
        gpu.device.queue.writeBuffer(buffers.at(-1)!, 0, data);
        return bound;
      }),
    ]);
    const fitting = choices
      .map((choice) => ({ choice, groups: workgroups(choice) }))
      .filter(({ groups }) => groups.every((n) => n <= gpu.device.limits.maxComputeWorkgroupsPerDimension));
    const pipelines = await Promise.all(
      fitting.map(({ choice }) => gpu.pipeline(specialize(code, { consts: choice }), layout, kernel.name)),
    );
    const dispatches = await gpu.scoped(`tuning ${kernel.name}`, () =>
      fitting.map(({ groups }, i) => {
        const pipeline = pipelines[i]!;
        const bindGroup = gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
        return { label, kernel: kernel.name, cost, pipeline, bindGroup, workgroups: groups };
      }),
    );
    // In turns, so that what slows the device for a while slows all of them. The first round is not counted: drivers
    // compile in it.
    const times = await timeDispatches(gpu, Array.from({ length: REPEATS + 1 }, () => dispatches).flat());
    const timed = fitting.map(({ choice }, c) => {
      const counted = Array.from({ length: REPEATS }, (_, r) => times[(r + 1) * dispatches.length + c]!.timeUs);
      return { consts: choice, timeUs: medianOf(counted) };
    });
    const before = timed.find((t) => Object.entries(t.consts).every(([name, value]) => consts[name] === value));
    const fastest = timed.reduce((x, y) => (y.timeUs < x.timeUs ? y : x));
    const best = before && fastest.timeUs > WORTH * before.timeUs ? before : fastest;
    return { label, kernel: kernel.name, ...best, beforeUs: before?.timeUs ?? NaN };
  } finally {
    for (const buffer of buffers) gpu.destroyBuffer(buffer);
  }
}
