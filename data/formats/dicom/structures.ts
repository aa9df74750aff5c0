// RTSTRUCT in: a structure's contours, in mm, and where they lie on a grid.
import { DataError, printable } from "../../errors.ts";
import type { LabelGrid, StructureSet } from "../structure-set.ts";
import { type Polygon, fillEvenOdd, indicesOf } from "./fill.ts";
import type { DicomFile } from "./parse.ts";
import { skippedSlices } from "./skipped-slices.ts";
import type { Tags } from "./tags.ts";

/** A structure, and its contours as x, y, z, x, … in mm (LPS). */
interface Structure {
  readonly name: string;
  readonly contours: readonly Float64Array[];
}

/** The structures of an RTSTRUCT file, in its order. Throws DataError where contours are no numbers. */
export function openStructureSet(file: DicomFile): Omit<StructureSet, "draw"> {
  const warnings: string[] = [];
  const structures = structuresOf(file, warnings);
  return {
    kind: "RTSTRUCT",
    names: structures.map(({ name }) => name),
    places: Float64Array.from(structures.flatMap(({ contours }) => contours.flatMap((c) => [...c.subarray(0, 3)]))),
    voxels: async (names, grid, onVoxel) => {
      const drawing = [...warnings];
      for (const [i, name] of names.entries()) {
        const mask = maskOf(named(structures, name, file.name), grid, file.name, drawing);
        for (let n = 0; n < mask.length; n++) if (mask[n] !== 0) onVoxel(i, n);
      }
      return drawing;
    },
  };
}

function structuresOf({ tags, name: file }: DicomFile, warnings: string[]): Structure[] {
  const contoursOf = new Map<string, Tags[]>();
  for (const item of tags.items("ROIContourSequence")) {
    const number = item.text("ReferencedROINumber") ?? "";
    contoursOf.set(number, [...(contoursOf.get(number) ?? []), ...item.items("ContourSequence")]);
  }
  const names = new Set<string>();
  return tags.items("StructureSetROISequence").map((item) => {
    const number = item.text("ROINumber") ?? "";
    const told = item.text("ROIName") ?? `ROI ${number}`;
    // Two structures of one name are distinguished by their number.
    const name = names.has(told) ? `${told} (${number})` : told;
    names.add(name);
    const contours = (contoursOf.get(number) ?? []).flatMap((c) => pointsOf(c, name, file, warnings) ?? []);
    return { name, contours };
  });
}

/** The points of a closed contour; undefined of other marks. */
function pointsOf(contour: Tags, structure: string, file: string, warnings: string[]): Float64Array | undefined {
  const type = contour.text("ContourGeometricType") ?? "CLOSED_PLANAR";
  const data = contour.decimals("ContourData");
  if (!data) return undefined;
  if (data.length % 3 !== 0 || !data.every(Number.isFinite))
    throw contour.wrong("ContourData", `${data.length} values of ${printable(structure, 40)} are no points`);
  if (!type.startsWith("CLOSED") || data.length < 9) {
    const what = type.startsWith("CLOSED") ? `contour of ${data.length / 3} points` : type;
    warnings.push(`${printable(file)}: ${printable(structure, 40)}: a ${printable(what, 30)} encloses nothing.`);
    return undefined;
  }
  return Float64Array.from(data);
}

function named(structures: readonly Structure[], name: string, file: string): Structure {
  const found = structures.find((s) => s.name === name);
  if (found) return found;
  const problem = `${printable(name)} is not among ${printable(structures.map((s) => s.name).join(", "))}`;
  throw new DataError(file, "ROIName (3006,0026)", problem, "name one of them");
}

/** A contour further than this part of a slice's distance from every slice is of none. */
const OFF_SLICE = 0.5;
/** A contour whose points differ by more, in slices, lies in no plane of the grid. */
const FLAT = 0.1;

/**
 * One structure's voxels: those whose centres lie within an odd number of its contours in their slice. A contour
 * belongs to the slice that it lies on by its position, whatever image it names.
 */
function maskOf(
  { name, contours }: Structure,
  grid: LabelGrid,
  file: string,
  warnings: string[],
): Uint8Array<ArrayBuffer> {
  const [nx, ny, nz] = grid.shape;
  const mask = new Uint8Array(nx * ny * nz);
  const said = (problem: string): unknown => warnings.push(`${printable(file)}: ${printable(name, 40)}: ${problem}.`);
  const planes = new Map<number, Map<number, Polygon[]>>();
  const lost = { oblique: 0, outside: 0 };
  for (const contour of contours) {
    const { points, z, spread } = indicesOf(contour, grid.affine);
    const slice = Math.round(z);
    if (spread > FLAT) lost.oblique++;
    else if (slice < 0 || slice >= nz || Math.abs(z - slice) > OFF_SLICE) lost.outside++;
    else {
      // Contours of one plane make holes in one another; those of another plane of the same slice do not.
      const place = Math.round((z - slice) * 1000) / 1000;
      const ofSlice = planes.get(slice) ?? new Map<number, Polygon[]>();
      planes.set(slice, ofSlice.set(place, [...(ofSlice.get(place) ?? []), points]));
    }
  }
  let between = 0;
  for (const [slice, ofSlice] of planes) {
    const nearest = [...ofSlice.keys()].reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a));
    between += ofSlice.size - 1;
    fillEvenOdd(ofSlice.get(nearest)!, mask.subarray(slice * nx * ny, (slice + 1) * nx * ny), nx, ny);
  }
  if (contours.length === 0) said("has no contours, so no mask");
  else if (!mask.includes(1)) said("its contours enclose no voxel's centre, so it gives no mask");
  if (lost.oblique > 0) said(`${lost.oblique} contours lie in no slice's plane: they are left out`);
  if (lost.outside > 0) said(`${lost.outside} contours are outside the image: they are left out`);
  if (between > 0) said(`${between} planes of contours lie between slices: each slice has those of the nearest`);
  const empty = skippedSlices([...planes.keys()]);
  if (empty > 0) said(`${empty} slices between its contours have none: they are left empty`);
  return mask;
}
