// Planes to one volume: sorted along their normal, and every way in which they make no grid told apart.
import { DataError, printable } from "../../errors.ts";
import { type Affine, type Shape3, sformGeometry } from "../../volume.ts";
import { refuseTooLarge } from "../elements.ts";
import type { ImageHeader } from "../format.ts";
import { type Plane, type Vector, cross, dot, minus } from "./planes.ts";

/** Planes in the order of a volume's third axis, and where that stands. */
export interface Stack {
  readonly planes: readonly Plane[];
  readonly header: ImageHeader;
}

/** Parts of a voxel by which a grid may miss the planes: above the first it warns, above the second it is refused. */
const PLACE_TOLERANCE = [0.01, 0.05] as const;
/** Planes nearer to one another than this part of their spacing are in one place. */
const SAME_PLACE = 0.05;

/** The volume that planes of one series make. `name` is what a DataError calls it. Throws DataError. */
export function stackOf(all: readonly Plane[], name: string): Stack {
  const warnings: string[] = [];
  const planes = withoutLocalizers(withoutCopies(all, name, warnings), name, warnings);
  const [first] = planes as [Plane];
  const { format, spacingMm } = first;
  const unsized = planes.find((p) => !p.spacingMm);
  if (unsized || !spacingMm) {
    const problem = `is missing in ${fileOf(unsized ?? first)}`;
    throw new DataError(name, "PixelSpacing (0028,0030)", problem, "export the series with its voxel size");
  }
  refuseMixedSizes(planes, name);
  const oriented = planes.every((p) => p.position && p.along);
  if (!oriented && planes.length > 1 && new Set(planes.map((p) => p.source)).size > 1)
    throw new DataError(
      name,
      "ImagePositionPatient (0020,0032)",
      `is missing, so that the order of ${planes.length} slices is unknown`,
      "export the series with its positions",
    );
  const sorted = oriented ? inOrder(planes, name) : { planes, step: undefined };
  const shape: Shape3 = [format.columns, format.rows, planes.length];
  refuseTooLarge(shape, Math.ceil(format.allocated / 8), name, "slices");
  const placed = oriented
    ? placedGrid(sorted.planes, spacingMm, name, warnings)
    : placelessGrid(first, spacingMm, name, warnings);
  const uids = new Set(planes.map(({ instance }) => instance.seriesUid)).size;
  if (uids > 1) warnings.push(`${printable(name)}: its slices have ${uids} SeriesInstanceUIDs: they are read as one.`);
  if (planes.some((p) => p.format.inverted))
    warnings.push(`${printable(name)}: MONOCHROME1: values are inverted, so that high ones are bright.`);
  const { affine } = placed;
  const size = [0, 1, 2].map((i) => Math.hypot(affine[i]!, affine[4 + i]!, affine[8 + i]!));
  const spacing = size as unknown as ImageHeader["spacingMm"];
  const geometry = sformGeometry(affine, spacing, oriented ? 1 : 0);
  return { planes: sorted.planes, header: { shape, spacingMm: spacing, affine, oriented, geometry, warnings } };
}

const fileOf = ({ source, frame, format }: Plane): string =>
  printable(format.frames > 1 ? `${source.name} frame ${frame + 1}` : source.name);

/** The same object in two files is one. */
function withoutCopies(planes: readonly Plane[], name: string, warnings: string[]): Plane[] {
  const seen = new Map<string, Plane>();
  const kept = planes.filter((p) => {
    const key = `${p.instance.sopUid} ${p.frame}`;
    const other = seen.get(key);
    const isCopy = p.instance.sopUid !== "" && other !== undefined && String(other.position) === String(p.position);
    if (!isCopy) seen.set(key, p);
    return !isCopy;
  });
  const copies = planes.length - kept.length;
  if (copies > 0) warnings.push(`${printable(name)}: ${copies} slices are there in two files: one of each is read.`);
  return kept;
}

const isParallel = (a: Plane, b: Plane): boolean =>
  !a.along || !b.along || (dot(a.along[0], b.along[0]) > 0.9999 && dot(a.along[1], b.along[1]) > 0.9999);

/** Scouts that a series of slices comes with are left out. */
function withoutLocalizers(planes: readonly Plane[], name: string, warnings: string[]): Plane[] {
  const images = planes.filter((p) => !p.instance.isLocalizer);
  if (images.length === 0 || images.length === planes.length) return [...planes];
  warnings.push(`${printable(name)}: ${planes.length - images.length} localizers are left out.`);
  return images;
}

function refuseMixedSizes(planes: readonly Plane[], name: string): void {
  const [first] = planes as [Plane];
  for (const other of planes) {
    const differing = differenceOf(other, first);
    if (differing === undefined) continue;
    const problem = `holds ${differing}: ${fileOf(other)} and ${fileOf(first)}`;
    throw new DataError(name, "series", problem, "keep the slices of one stack in the folder");
  }
}

/** What keeps two planes out of one stack; undefined where nothing does. */
function differenceOf(other: Plane, first: Plane): string | undefined {
  const { rows, columns } = other.format;
  if (rows !== first.format.rows || columns !== first.format.columns)
    return `${columns} × ${rows} pixels and ${first.format.columns} × ${first.format.rows}`;
  if (other.spacingMm?.some((s, i) => Math.abs(s - first.spacingMm![i]!) > 1e-3 * s))
    return `pixels of ${other.spacingMm.join(" × ")} mm and ${first.spacingMm?.join(" × ")} mm`;
  return isParallel(other, first) ? undefined : "slices in different directions (ImageOrientationPatient)";
}

/** Planes by their place along the normal, whatever their numbers. Throws DataError where two are in one place. */
function inOrder(planes: readonly Plane[], name: string): { planes: Plane[] } {
  const [first] = planes as [Plane];
  const normal = cross(...first.along!);
  const placeOf = (p: Plane): number => dot(p.position!, normal);
  const sorted = [...planes].sort((a, b) => placeOf(a) - placeOf(b));
  const steps = sorted.slice(1).map((p, i) => placeOf(p) - placeOf(sorted[i]!));
  const usual = medianOf(steps.filter((s) => s > 1e-3)) ?? 0;
  const same = steps.findIndex((s) => s < Math.max(1e-3, SAME_PLACE * usual));
  if (same >= 0) throw samePlace(sorted, sorted[same]!, sorted[same + 1]!, name);
  const gaps = steps.flatMap((s, i) => (s > 1.5 * usual ? [i] : []));
  const [gap] = gaps;
  if (gap !== undefined) {
    const missing = gaps.reduce((n, i) => n + Math.round(steps[i]! / usual) - 1, 0);
    const [before, after] = [sorted[gap]!, sorted[gap + 1]!];
    const where = `${steps[gap]!.toFixed(2)} mm between ${fileOf(before)} and ${fileOf(after)}, else ${usual.toFixed(2)}`;
    throw new DataError(name, "slices", `about ${missing} are missing: ${where}`, "copy or export the series again");
  }
  return { planes: sorted };
}

function medianOf(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
}

/** The error of two planes in one place, with what tells them apart, where one attribute does. */
function samePlace(planes: readonly Plane[], a: Plane, b: Plane, name: string): DataError {
  const telling = Object.keys(a.marks).find((keyword) => {
    const values = new Set(planes.map((p) => p.marks[keyword]));
    return keyword !== "InstanceNumber" && values.size > 1 && values.size < planes.length && !values.has(undefined);
  });
  const values = telling === undefined ? [] : [...new Set(planes.map((p) => p.marks[telling]!))];
  const difference = telling === undefined ? "" : `; they differ in ${telling} (${printable(values.join(", "), 80)})`;
  return new DataError(
    name,
    "slices",
    `several are in one place: ${fileOf(a)} and ${fileOf(b)}${difference}`,
    telling === undefined ? "keep one of each" : `keep the slices of one ${telling} in the folder`,
  );
}

/** The affine of sorted planes, in NIfTI's directions. Throws DataError where they are on no grid. */
function placedGrid(
  planes: readonly Plane[],
  [dx, dy]: readonly [number, number],
  name: string,
  warnings: string[],
): { affine: Affine } {
  const [first] = planes as [Plane];
  const last = planes.at(-1)!;
  const [column, row] = first.along!;
  const n = planes.length;
  const whole = minus(last.position!, first.position!);
  const step: Vector =
    n > 1
      ? [whole[0] / (n - 1), whole[1] / (n - 1), whole[2] / (n - 1)]
      : scaled(cross(column, row), sliceMmOf(first, name, warnings));
  const off = planes.map((p, i) => minus(minus(p.position!, first.position!), scaled(step, i)));
  // In voxels: a slice that slid within its plane, or along the others.
  const shares = off.map((d) =>
    Math.max(
      Math.abs(dot(d, column)) / dx,
      Math.abs(dot(d, row)) / dy,
      Math.abs(dot(d, cross(column, row))) / Math.hypot(...step),
    ),
  );
  const worst = shares.indexOf(Math.max(...shares));
  const [share, mm] = [shares[worst]!, Math.hypot(...off[worst]!).toFixed(3)];
  if (share > PLACE_TOLERANCE[1]) {
    const problem = `are unevenly placed: ${fileOf(planes[worst]!)} is ${mm} mm off an even grid`;
    throw new DataError(name, "slices", problem, "resample the series, or export it again");
  }
  if (share > PLACE_TOLERANCE[0])
    warnings.push(`${printable(name)}: slices are up to ${mm} mm off the even grid they are read on.`);
  // LPS to NIfTI's RAS: the first two rows are negated.
  const line = (i: 0 | 1 | 2, sign: number): number[] =>
    [column[i] * dx, row[i] * dy, step[i], first.position![i]].map((v) => (v === 0 ? 0 : sign * v));
  return { affine: [...line(0, -1), ...line(1, -1), ...line(2, 1), 0, 0, 0, 1] };
}

const scaled = (v: Vector, by: number): Vector => [v[0] * by, v[1] * by, v[2] * by];

function sliceMmOf({ sliceMm }: Plane, name: string, warnings: string[]): number {
  if (sliceMm !== undefined) return sliceMm;
  warnings.push(`${printable(name)}: nothing tells the distance between slices: 1 mm is taken.`);
  return 1;
}

/** The affine of planes that tell no place: voxel sizes alone. */
function placelessGrid(
  first: Plane,
  [dx, dy]: readonly [number, number],
  name: string,
  warnings: string[],
): { affine: Affine } {
  warnings.push(`${printable(name)}: nothing tells where the slices are: they are taken as they are stored.`);
  return { affine: [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, sliceMmOf(first, name, warnings), 0, 0, 0, 0, 1] };
}
