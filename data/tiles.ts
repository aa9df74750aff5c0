// A slice that is larger than the field which networks see: fields that cover it and overlap, and what was computed of
// each blended into one, a field's weight falling towards its border.
import { type Range, scaleInto } from "./intensity.ts";
import { type Field, centreField, cropValues, uncropValues } from "./resample.ts";
import { type Volume, storedSlice } from "./volume.ts";

/** Least share of a field that its neighbour covers too. */
const OVERLAP = 1 / 4;
/** Weight at a field's very border, beside 1 in its centre. */
const LEAST_WEIGHT = 1e-3;

type Geometry = Pick<Volume, "shape" | "spacingMm">;

/** Where fields of `side` pixels start that cover `extent`: evenly, from one border to the other. */
function startsAlong(extent: number, side: number, centred: number): number[] {
  if (side >= extent) return [centred];
  const steps = Math.ceil((extent - side) / (side * (1 - OVERLAP)));
  return Array.from({ length: steps + 1 }, (_, i) => {
    const start = (i * (extent - side)) / steps;
    // Whole pixels stay whole.
    return Number.isInteger(side) ? Math.round(start) : start;
  });
}

/**
 * Fields of `fieldMm` × `fieldMm` that cover an axial slice of a volume, row by row: the one round its centre where
 * that does.
 */
export function tilesOf({ shape: [nx, ny], spacingMm }: Geometry, fieldMm: number): readonly Field[] {
  const { x, y, width, height } = centreField(nx, ny, spacingMm, fieldMm);
  const columns = startsAlong(nx, width, x);
  return startsAlong(ny, height, y).flatMap((top) => columns.map((left) => ({ x: left, y: top, width, height })));
}

/** Axial slice z scaled to [−1, 1], each field as an image: target[at …] as [fields, size, size]; −1 outside. */
export function sliceTiles(
  image: Volume,
  z: number,
  range: Range,
  { fields, size }: { readonly fields: readonly Field[]; readonly size: number },
  target: Float32Array,
  at = 0,
): void {
  const [nx, ny] = image.shape;
  const scaled = new Float32Array(nx * ny);
  scaleInto(scaled, 0, storedSlice(image.data, image.shape, z), range);
  fields.forEach((field, i) => cropValues(scaled, nx, ny, field, size, -1, target, at + i * size * size));
}

/** The weight of each of `extent` pixels in a field from `start` on, `side` long: sin², 0 outside the field. */
function weightsAlong(extent: number, start: number, side: number): Float32Array {
  return Float32Array.from({ length: extent }, (_, i) => {
    const t = (i + 0.5 - start) / side;
    return t >= 0 && t <= 1 ? LEAST_WEIGHT + (1 - LEAST_WEIGHT) * Math.sin(Math.PI * t) ** 2 : 0;
  });
}

/**
 * Maps [fields, size, size, classes], one for each field, blended on the slice's own grid: a plane [ny, nx] for each
 * class.
 */
export function blendTiles(
  maps: Float32Array,
  { shape: [nx, ny] }: Pick<Volume, "shape">,
  { fields, size, classes }: { readonly fields: readonly Field[]; readonly size: number; readonly classes: number },
): Float32Array[] {
  const n = size * size;
  const planes = Array.from({ length: classes }, () => new Float32Array(nx * ny));
  const total = new Float32Array(nx * ny);
  const plane = new Float32Array(n);
  const onSlice = new Float32Array(nx * ny);
  fields.forEach((field, f) => {
    const columns = weightsAlong(nx, field.x, field.width);
    const rows = weightsAlong(ny, field.y, field.height);
    const weight = (i: number): number => columns[i % nx]! * rows[Math.floor(i / nx)]!;
    for (let i = 0; i < total.length; i++) total[i]! += weight(i);
    planes.forEach((sum, c) => {
      for (let i = 0; i < n; i++) plane[i] = maps[(f * n + i) * classes + c]!;
      uncropValues(plane, size, field, nx, ny, 0, onSlice);
      for (let i = 0; i < sum.length; i++) sum[i]! += weight(i) * onSlice[i]!;
    });
  });
  for (const sum of planes) for (let i = 0; i < sum.length; i++) sum[i]! /= total[i]!;
  return planes;
}

/**
 * Probabilities [fields, size, size, classes] of the fields of a slice laid onto the slice's own grid: a plane [ny, nx]
 * for each class. Where no field reaches, nothing of the structure is: one class is 0 there, of several class 0 is 1.
 */
export function slicePlanes(
  probabilities: Float32Array,
  geometry: Pick<Volume, "shape">,
  { fields, size, classes }: { readonly fields: readonly Field[]; readonly size: number; readonly classes: number },
): Float32Array[] {
  if (fields.length > 1) return blendTiles(probabilities, geometry, { fields, size, classes });
  const [nx, ny] = geometry.shape;
  return Array.from({ length: classes }, (_, c) => {
    const onField = Float32Array.from({ length: size * size }, (_, i) => probabilities[i * classes + c]!);
    const onSlice = new Float32Array(nx * ny);
    uncropValues(onField, size, fields[0]!, nx, ny, classes > 1 && c === 0 ? 1 : 0, onSlice);
    return onSlice;
  });
}

/**
 * Class numbers of a slice from planes of probabilities: of one, 1 above `threshold`; of several, the most probable.
 */
export function classesOfPlanes(
  planes: readonly Float32Array[],
  target: Uint8Array,
  at: number,
  threshold: number,
): void {
  const [first] = planes;
  first?.forEach((p, i) => {
    if (planes.length === 1) target[at + i] = p > threshold ? 1 : 0;
    else target[at + i] = planes.reduce((best, plane, c) => (plane[i]! > planes[best]![i]! ? c : best), 0);
  });
}
