// DICOM SEG in: binary, fractional and labelmap segments, frame by frame, laid on a grid by their positions.
import { printable } from "../../errors.ts";
import type { LabelGrid, StructureSet } from "../structure-set.ts";
import { fileOfBytes } from "../memory-file.ts";
import { type Frame, frameVoxels, placesOf } from "./draw-frames.ts";
import { refuseThickFrames } from "./frame-placement.ts";
import type { DicomFile } from "./parse.ts";
import { type PixelFormat, pixelFormatOf } from "./pixel-format.ts";
import { type Plane, planesOf } from "./planes.ts";
import { type FrameReader, frameReader } from "./voxels.ts";

/** The segments of a SEG file, in the order of their numbers. Throws DataError. */
export function openSegmentation(file: DicomFile): Omit<StructureSet, "draw"> {
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
    voxels: async (wanted, grid, onVoxel) => {
      const places = placesOf(names, wanted, "SegmentLabel (0062,0005)", file.name);
      return frameVoxels(framesOf(file, places, grid), places, wanted, grid, file.name, onVoxel);
    },
  };
}

const framePlanes = (file: DicomFile): Plane[] =>
  planesOf(file, fileOfBytes(new Uint8Array(), file.name), { anyObject: true });

/** The frames of segments that are wanted. */
async function* framesOf(file: DicomFile, wanted: ReadonlyMap<number, number>, grid: LabelGrid): AsyncGenerator<Frame> {
  const { tags } = file;
  const type = tags.text("SegmentationType") ?? "BINARY";
  if (!["BINARY", "FRACTIONAL", "LABELMAP"].includes(type))
    throw tags.wrong("SegmentationType", `${printable(type, 20)} is not read`);
  const format = pixelFormatOf(file);
  const shared = tags.item("SharedFunctionalGroupsSequence");
  const perFrame = tags.items("PerFrameFunctionalGroupsSequence");
  const planes = framePlanes(file);
  const read = frameReader(file, format);
  refuseThickFrames(planes, grid, file.name);
  // A fraction is of the largest value; from a half on, a voxel belongs.
  const most = type === "FRACTIONAL" ? (tags.short("MaximumFractionalValue") ?? 255) : 1;
  for (const plane of planes) {
    const groups = [perFrame[plane.frame], shared].filter((g) => g !== undefined);
    const identified = groups.flatMap((g) => g.item("SegmentIdentificationSequence") ?? [])[0];
    const segment = type === "LABELMAP" ? undefined : (identified?.short("ReferencedSegmentNumber") ?? 1);
    if (segment !== undefined && !wanted.has(segment)) continue;
    const values = await sampled(read, format, plane.frame);
    yield { plane, segment, pixels: segment === undefined ? values : values.map((v) => +(2 * v >= most && v > 0)) };
  }
}

async function sampled(read: FrameReader, format: PixelFormat, frame: number): Promise<Uint16Array> {
  const values = new Int32Array(format.rows * format.columns);
  await read(frame, values);
  return Uint16Array.from(values);
}
