// DICOM SEG in: binary, fractional and labelmap segments, frame by frame, laid on a grid by their positions.
import { DataError, printable } from "../../errors.ts";
import type { LabelGrid, StructureSet } from "../structure-set.ts";
import { fileOfBytes } from "../memory-file.ts";
import { placementOf, refuseThickFrames } from "./frame-placement.ts";
import type { DicomFile } from "./parse.ts";
import { type PixelFormat, pixelFormatOf } from "./pixel-format.ts";
import { type Plane, planesOf } from "./planes.ts";
import { skippedSlices } from "./skipped-slices.ts";
import { frameValues } from "./voxels.ts";

/** One frame's pixels that belong to a segment. */
interface Frame {
  readonly plane: Plane;
  /** 1 where the frame's segment is; of a labelmap, the segment's number. */
  readonly pixels: Uint8Array | Uint16Array;
  /** The number of the only segment; undefined of a labelmap. */
  readonly segment: number | undefined;
}

/** The segments of a SEG file, in the order of their numbers. Throws DataError. */
export function openSegmentation(file: DicomFile): StructureSet {
  const { tags } = file;
  const names = new Map<string, number>();
  for (const item of tags.items("SegmentSequence")) {
    const number = item.short("SegmentNumber") ?? 0;
    const told = item.text("SegmentLabel") ?? `segment ${number}`;
    // A labelmap's number 0 is its background.
    if (number > 0) names.set(names.has(told) ? `${told} (${number})` : told, number);
  }
  return {
    kind: "SEG",
    names: [...names.keys()],
    places: Float64Array.from(framePlanes(file).flatMap(({ position }) => position ?? [])),
    draw: (wanted, grid) => draw(file, names, wanted, grid),
  };
}

const framePlanes = (file: DicomFile): Plane[] =>
  planesOf(file, fileOfBytes(new Uint8Array(), file.name), { anyObject: true });

async function draw(
  file: DicomFile,
  names: ReadonlyMap<string, number>,
  wanted: readonly string[],
  grid: LabelGrid,
): ReturnType<StructureSet["draw"]> {
  const labelOf = new Map<number, number>();
  for (const [i, name] of wanted.entries()) {
    const number = names.get(name);
    if (number === undefined) {
      const problem = `${printable(name)} is not among ${printable([...names.keys()].join(", "))}`;
      throw new DataError(file.name, "SegmentLabel (0062,0005)", problem, "name one of them");
    }
    labelOf.set(number, i + 1);
  }
  const [nx, ny, nz] = grid.shape;
  const data = new Uint16Array(nx * ny * nz);
  /** The slices that each label has voxels in. */
  const found = new Map<number, Set<number>>();
  let overlapping = 0;
  for await (const { plane, pixels, segment } of framesOf(file, labelOf, grid)) {
    const { start, perColumn, perRow, slice } = placementOf(plane, grid, file.name);
    const { columns, rows } = plane.format;
    for (let row = 0, p = 0; row < rows; row++)
      for (let column = 0; column < columns; column++, p++) {
        const label = pixels[p] === 0 ? undefined : labelOf.get(segment ?? pixels[p]!);
        if (label === undefined) continue;
        const n = start + column * perColumn + row * perRow;
        found.set(label, (found.get(label) ?? new Set()).add(slice));
        if (data[n] !== 0 && data[n] !== label) overlapping++;
        if (data[n] === 0 || label < data[n]!) data[n] = label;
      }
  }
  const warnings = wanted.flatMap((name, i) => {
    const slices = found.get(i + 1);
    const empty = slices ? skippedSlices([...slices]) : 0;
    const said = `${printable(file.name)}: ${printable(name, 40)}`;
    if (!slices) return [`${said}: no voxel is in it.`];
    return empty > 0 ? [`${said}: ${empty} slices between its frames have none: they are left empty.`] : [];
  });
  if (overlapping > 0)
    warnings.push(`${printable(file.name)}: ${overlapping} voxels are of two structures: they have the lower label.`);
  return { data, warnings };
}

/** The frames of segments that have a label. */
async function* framesOf(
  file: DicomFile,
  labelOf: ReadonlyMap<number, number>,
  grid: LabelGrid,
): AsyncGenerator<Frame> {
  const { tags } = file;
  const type = tags.text("SegmentationType") ?? "BINARY";
  if (!["BINARY", "FRACTIONAL", "LABELMAP"].includes(type))
    throw tags.wrong("SegmentationType", `${printable(type, 20)} is not read`);
  const format = pixelFormatOf(file);
  const shared = tags.item("SharedFunctionalGroupsSequence");
  const perFrame = tags.items("PerFrameFunctionalGroupsSequence");
  const planes = framePlanes(file);
  refuseThickFrames(planes, grid, file.name);
  // A fraction is of the largest value; from a half on, a voxel belongs.
  const most = type === "FRACTIONAL" ? (tags.short("MaximumFractionalValue") ?? 255) : 1;
  for (const plane of planes) {
    const groups = [perFrame[plane.frame], shared].filter((g) => g !== undefined);
    const identified = groups.flatMap((g) => g.item("SegmentIdentificationSequence") ?? [])[0];
    const segment = type === "LABELMAP" ? undefined : (identified?.short("ReferencedSegmentNumber") ?? 1);
    if (segment !== undefined && !labelOf.has(segment)) continue;
    const values = await sampled(file, format, plane.frame);
    yield { plane, segment, pixels: segment === undefined ? values : values.map((v) => +(2 * v >= most && v > 0)) };
  }
}

async function sampled(file: DicomFile, format: PixelFormat, frame: number): Promise<Uint16Array> {
  const values = new Int32Array(format.rows * format.columns);
  await frameValues(file, format, frame, values);
  return Uint16Array.from(values);
}
