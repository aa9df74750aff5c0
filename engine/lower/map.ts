// Elementwise stages. A tensor larger than one binding may be is walked in windows, each of which binds the runs it
// needs.
import { map, mapTwice } from "../../kernels/map/map.ts";
import { bytesPerElement } from "../dtype.ts";
import { LimitExceededError } from "../errors.ts";
import type { View } from "../op.ts";
import { type Shape, show, sizeOf, stridesOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Memories, type Residence, accessFrom } from "../fuse/access.ts";
import { type Dispatch, type Memory, makeDispatch, storageType, typeAliases, wholeLoop } from "../wgsl/dispatch.ts";
import { HookContext, emitFunction, emitIndexFunction, vectorizes } from "../wgsl/emit.ts";
import { Expression } from "../wgsl/expression.ts";
import { OFFSET_ALIGNMENT } from "../fuse/stage.ts";

export interface MapStage {
  readonly value: Tensor;
  /** The tensor that is written: `value` itself, or a joined or copied one. */
  readonly into: Tensor;
  /** Where value's elements stand in `into`; in order from the start if absent. */
  readonly view?: View;
  /** Where the value is written a second time. */
  readonly also?: Residence;
  /** What is read from memory. */
  readonly memories: Memories;
  readonly maxBindingBytes: number;
}

/** A box within the value's shape. */
interface Window {
  readonly start: readonly number[];
  readonly sizes: Shape;
}

export function lowerMap(stage: MapStage): Dispatch[] {
  const { shape } = stage.value;
  const whole: Window = { start: shape.map(() => 0), sizes: shape };
  const { also, ...once } = stage;
  if (!also) return lowerWindow(stage, whole);
  if (stage.value.bytes <= stage.maxBindingBytes) return lowerWindow(stage, whole);
  return [...lowerWindow(once, whole), ...lowerWindow({ ...once, into: also.into, view: also.view }, whole)];
}

function lowerWindow(stage: MapStage, window: Window): Dispatch[] {
  const { value, into, also, memories, maxBindingBytes } = stage;
  const { start, sizes } = window;
  const whole = sizeOf(sizes) === value.size;
  const e = new Expression(value, sizes, accessFrom(start), memories);
  const target = stage.view ?? { offset: 0, strides: stridesOf(value.shape) };
  const place: View = {
    offset: start.reduce((o, s, d) => o + s * target.strides[d], target.offset),
    strides: target.strides,
  };
  const memory = (t: Tensor, views: readonly View[]): Memory | undefined => {
    if (t.bytes <= maxBindingBytes) return { of: t, offset: 0, bytes: t.bytes };
    const run = runOf(t, views, sizes);
    return run.bytes <= maxBindingBytes ? run : undefined;
  };
  const bound = new Map<Tensor, Memory>();
  const y = memory(into, [place]);
  let fits = y !== undefined;
  for (const leaf of e.leaves) {
    const m = memory(leaf, e.viewsOf(leaf));
    if (m) bound.set(leaf, m);
    else fits = false;
  }
  if (!fits && also)
    return lowerMap({ ...stage, also: undefined }).concat(
      lowerMap({ ...stage, also: undefined, into: also.into, view: also.view }),
    );
  if (!fits) return halves(window, value, maxBindingBytes).flatMap((w) => lowerWindow(stage, w));

  for (const [leaf, m] of bound) e.rebase(leaf, m.offset / bytesPerElement(leaf.dtype));
  const placed: View = { offset: place.offset - y!.offset / bytesPerElement(into.dtype), strides: place.strides };
  const inOrder = !stage.view && whole;
  const loop = wholeLoop(sizes);
  const width = vectorizes(sizes, loop, 0, [...e.views, ...(inOrder ? [] : [placed]), ...(also ? [also.view] : [])])
    ? 4
    : 1;
  const context = new HookContext(width, bound);
  const hooks: Record<string, string> = {
    value: emitFunction("fn value(i : u32) -> Y", e, context, loop, 0, { store: true }),
  };
  if (!inOrder) hooks.place = emitIndexFunction("fn place(i : u32) -> u32", sizes, placed, context, loop, 0);
  if (also) hooks.place = emitIndexFunction("fn place(i : u32) -> u32", sizes, also.view, context, loop, 0);
  const n = sizeOf(sizes);
  const bytes = n * bytesPerElement(value.dtype);
  return [
    makeDispatch({
      label: `${value.node.op.name} ${show(value.shape)}${whole ? "" : ` from ${show(start)}`}`,
      kernel: also ? mapTwice : map,
      params: { n: n / width },
      buffers: { y: y!, ...(also ? { z: { of: also.into, offset: 0, bytes: also.into.bytes } } : {}) },
      aliases: { ...typeAliases(width), Y: storageType(value.dtype, width) },
      context,
      hooks,
      cost: {
        flops: e.steps.length * n,
        bytes: bytes * (also ? 2 : 1) + e.leaves.reduce((sum, t) => sum + Math.min(t.bytes, bytes), 0),
      },
    }),
  ];
}

/** The aligned run of a tensor's memory that holds all elements these views reach over a domain. */
function runOf(t: Tensor, views: readonly View[], domain: Shape): Memory {
  let low = Infinity;
  let high = -Infinity;
  for (const { offset, strides } of views) {
    const ends = strides.map((s, d) => s * (domain[d] - 1));
    low = Math.min(low, offset + ends.reduce((o, e) => o + Math.min(0, e), 0));
    high = Math.max(high, offset + ends.reduce((o, e) => o + Math.max(0, e), 0));
  }
  const size = bytesPerElement(t.dtype);
  const offset = Math.floor((low * size) / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;
  return { of: t, offset, bytes: Math.min(t.bytes, Math.ceil(((high + 1) * size) / 16) * 16) - offset };
}

/** The two halves of a window along its first dimension longer than 1, cut where vectors and bindings stay aligned. */
function halves({ start, sizes }: Window, value: Tensor, limit: number): Window[] {
  const d = sizes.findIndex((n) => n > 1);
  if (d < 0)
    throw new LimitExceededError(
      `${value}: one element of it needs more memory at once than the ${limit} bytes that this device binds`,
    );
  const unit = sizeOf(sizes.slice(d + 1));
  const step = unit % 64 === 0 ? 1 : 64;
  const half = Math.ceil(sizes[d] / 2);
  const cut = half > step ? Math.floor(half / step) * step : half;
  return [
    { start, sizes: sizes.map((n, k) => (k === d ? cut : n)) },
    { start: start.map((s, k) => (k === d ? s + cut : s)), sizes: sizes.map((n, k) => (k === d ? n - cut : n)) },
  ];
}
