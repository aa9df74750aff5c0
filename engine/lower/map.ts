// Elementwise stages. A tensor larger than one binding may be is walked in windows, each of which binds the runs it
// needs.
import { map, mapTwice } from "../../kernels/map/map.ts";
import { bytesPerElement } from "../dtype.ts";
import { LimitExceededError } from "../errors.ts";
import type { View } from "../op.ts";
import { show, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Residence, type StoredTensors, accessFrom } from "../fuse/access.ts";
import { HookContext } from "../wgsl/context.ts";
import { type Dispatch, makeDispatch, storageType, typeAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { emitFunction, emitIndexFunction } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { vectorizes } from "../wgsl/indexer.ts";
import { type Memory, wholeOf } from "../fuse/memory.ts";
import { type Box, runWithin } from "./runs.ts";

export interface MapStage {
  readonly value: Tensor;
  /** The tensor that is written: `value` itself, or a joined or copied one. */
  readonly into: Tensor;
  /** Where value's elements stand in `into`; in order from the start if absent. */
  readonly view?: View;
  /** Where the value is written a second time. */
  readonly duplicate?: Residence;
  /** What is read from memory. */
  readonly stored: StoredTensors;
  readonly maxBindingBytes: number;
}

export function lowerMap(stage: MapStage): Dispatch[] {
  const { shape, bytes } = stage.value;
  const whole: Box = { start: shape.map(() => 0), sizes: shape };
  if (bytes <= stage.maxBindingBytes) return lowerWindow(stage, whole);
  return writtenOnce(stage).flatMap((once) => lowerWindow(once, whole));
}

/** A stage that writes twice as two that write once. */
function writtenOnce({ duplicate, ...stage }: MapStage): MapStage[] {
  return duplicate ? [stage, { ...stage, into: duplicate.into, view: duplicate.view }] : [stage];
}

function lowerWindow(stage: MapStage, window: Box): Dispatch[] {
  const { value, into, duplicate, maxBindingBytes } = stage;
  const { start, sizes } = window;
  const e = new Expression(value, sizes, accessFrom(start), stage.stored);
  const target = stage.view ?? { offset: 0, strides: stridesOf(value.shape) };
  const place: View = {
    offset: start.reduce((o, s, d) => o + s * target.strides[d]!, target.offset),
    strides: target.strides,
  };
  const y = runWithin(into, [place], sizes, maxBindingBytes);
  const runs = new Map<Tensor, Memory>();
  let fits = y !== undefined;
  for (const leaf of e.leaves) {
    const run = runWithin(leaf, e.viewsOf(leaf), sizes, maxBindingBytes);
    if (run) runs.set(leaf, run);
    else fits = false;
  }
  if (!y || !fits) {
    if (duplicate) return writtenOnce(stage).flatMap(lowerMap);
    return halves(window, value, maxBindingBytes).flatMap((w) => lowerWindow(stage, w));
  }
  for (const [leaf, run] of runs) e.rebase(leaf, run.offset / bytesPerElement(leaf.dtype));
  const placed: View = { offset: place.offset - y.offset / bytesPerElement(into.dtype), strides: place.strides };
  return [mapWindow(stage, window, e, { y, placed, runs })];
}

/** What the dispatch of one window binds, and where in `y` it writes. */
interface Bound {
  readonly y: Memory;
  readonly placed: View;
  readonly runs: ReadonlyMap<Tensor, Memory>;
}

function mapWindow(stage: MapStage, { start, sizes }: Box, e: Expression, { y, placed, runs }: Bound): Dispatch {
  const { value, duplicate } = stage;
  const whole = sizeOf(sizes) === value.size;
  const inOrder = !stage.view && whole;
  const loop = wholeLoop(sizes);
  const views = [...e.views, ...(inOrder ? [] : [placed]), ...(duplicate ? [duplicate.view] : [])];
  const width = vectorizes(sizes, loop, 0, views) ? 4 : 1;
  const context = new HookContext(width, runs);
  const placeHook = (view: View): string =>
    emitIndexFunction("fn place(i : u32) -> u32", sizes, view, context, loop, 0);
  const hooks: Record<string, string> = {
    value: emitFunction("fn value(i : u32) -> Y", e, context, loop, 0, { store: true }),
  };
  if (!inOrder) hooks.place = placeHook(placed);
  if (duplicate) hooks.place = placeHook(duplicate.view);
  const n = sizeOf(sizes);
  const bytes = n * bytesPerElement(value.dtype);
  return makeDispatch({
    label: `${value.node.op.name} ${show(value.shape)}${whole ? "" : ` from ${show(start)}`}`,
    kernel: duplicate ? mapTwice : map,
    params: { n: n / width },
    buffers: duplicate ? { y, z: wholeOf(duplicate.into) } : { y },
    aliases: { ...typeAliases(width), Y: storageType(value.dtype, width) },
    context,
    hooks,
    cost: {
      flops: e.steps.length * n,
      bytes: bytes * (duplicate ? 2 : 1) + e.leaves.reduce((sum, t) => sum + Math.min(t.bytes, bytes), 0),
    },
  });
}

/** Where that is possible, windows are cut after so many elements: vectors and bindings stay aligned. */
const CUT = 64;

/** The two halves of a window along its first dimension longer than 1. */
function halves({ start, sizes }: Box, value: Tensor, limit: number): Box[] {
  const along = sizes.findIndex((n) => n > 1);
  const size = sizes[along];
  if (size === undefined)
    throw new LimitExceededError(
      `${value}: one element of it needs more memory at once than the ${limit} bytes that this device binds`,
    );
  const step = sizeOf(sizes.slice(along + 1)) % CUT === 0 ? 1 : CUT;
  const half = Math.ceil(size / 2);
  const cut = half > step ? Math.floor(half / step) * step : half;
  return [
    { start, sizes: sizes.with(along, cut) },
    { start: start.with(along, start[along]! + cut), sizes: sizes.with(along, size - cut) },
  ];
}
