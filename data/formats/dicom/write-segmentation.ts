// DICOM SEG out: a binary segment for each structure of a mask, a frame for each slice that it is in (PS3.3 A.51).
import {
  type Attributes,
  type Maker,
  type Segment,
  decimal,
  encodeDicom,
  newSeries,
  newUid,
  frameReference,
  imageReferences,
  planesBySeries,
} from "./encode.ts";
import type { Plane, Vector } from "./planes.ts";
import type { Stack } from "./stack.ts";

const SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4";

const code = (CodeValue: string, CodingSchemeDesignator: string, CodeMeaning: string): Attributes => ({
  CodeValue,
  CodingSchemeDesignator,
  CodeMeaning,
});

interface Frame {
  readonly segment: number;
  readonly z: number;
  readonly plane: Plane;
}

/** The bytes of a SEG with one segment for each structure of a mask in the stack's order. */
export async function writeSegmentation(
  mask: ArrayLike<number>,
  { planes, header: { shape, spacingMm } }: Stack,
  segments: readonly Segment[],
  maker: Maker,
): Promise<Uint8Array<ArrayBuffer>> {
  const [first] = planes as [Plane];
  const pixels = shape[0] * shape[1];
  const frames: Frame[] = segments.flatMap(({ value }, i) =>
    planes.flatMap((plane, z) => (hasValue(mask, value, z * pixels, pixels) ? [{ segment: i + 1, z, plane }] : [])),
  );
  // A file without a frame is none: an empty mask has one that is empty.
  if (frames.length === 0) frames.push({ segment: 1, z: 0, plane: first });
  const dimensions = newUid();
  const series = newSeries(first, maker, "9002");
  return encodeDicom(
    {
      ...series,
      SOPClassUID: SEGMENTATION,
      SOPInstanceUID: newUid(),
      Modality: "SEG",
      ImageType: ["DERIVED", "PRIMARY"],
      ContentDate: series.InstanceCreationDate,
      ContentTime: series.InstanceCreationTime,
      ContentLabel: "SEGMENTATION",
      ContentDescription: "Not for diagnostic use",
      ContentCreatorName: "cmedl",
      ...(first.instance.frameOfReferenceUid === undefined
        ? {}
        : { FrameOfReferenceUID: first.instance.frameOfReferenceUid, PositionReferenceIndicator: "" }),
      ReferencedSeriesSequence: planesBySeries(planes).map(([uid, all]) => ({
        SeriesInstanceUID: uid,
        ReferencedInstanceSequence: imageReferences(all),
      })),
      SamplesPerPixel: 1,
      PhotometricInterpretation: "MONOCHROME2",
      NumberOfFrames: String(frames.length),
      Rows: shape[1],
      Columns: shape[0],
      BitsAllocated: 1,
      BitsStored: 1,
      HighBit: 0,
      PixelRepresentation: 0,
      LossyImageCompression: "00",
      SegmentationType: "BINARY",
      SegmentSequence: segments.map(segmentOf),
      DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimensions }],
      DimensionIndexSequence: [
        dimensionOf(dimensions, 0x0062000b, 0x0062000a, "Segment"),
        dimensionOf(dimensions, 0x00200032, 0x00209113, "Position"),
      ],
      SharedFunctionalGroupsSequence: [
        {
          PixelMeasuresSequence: [
            {
              PixelSpacing: [decimal(first.spacingMm![1], 8), decimal(first.spacingMm![0], 8)],
              SliceThickness: decimal(first.sliceMm ?? spacingMm[2]),
              SpacingBetweenSlices: decimal(spacingMm[2]),
            },
          ],
          PlaneOrientationSequence: [
            { ImageOrientationPatient: first.along!.flatMap((v) => v.map((c) => decimal(c, 10))) },
          ],
        },
      ],
      PerFrameFunctionalGroupsSequence: frames.map(groupsOf),
      PixelData: [packed(mask, frames, segments, pixels).buffer],
      _vrMap: { PixelData: "OB" },
    },
    { explicit: true },
  );
}

function hasValue(mask: ArrayLike<number>, value: number, start: number, count: number): boolean {
  for (let i = start; i < start + count; i++) if (mask[i] === value) return true;
  return false;
}

function segmentOf({ name, rgb }: Segment, i: number): Attributes {
  return {
    SegmentedPropertyCategoryCodeSequence: [code("123037004", "SCT", "Anatomical Structure")],
    SegmentNumber: i + 1,
    SegmentLabel: name.slice(0, 64),
    SegmentAlgorithmType: "AUTOMATIC",
    SegmentAlgorithmName: "cmedl",
    RecommendedDisplayCIELabValue: cieLabOf(rgb),
    SegmentedPropertyTypeCodeSequence: [code("85756007", "SCT", "Tissue")],
  };
}

const dimensionOf = (uid: string, pointer: number, group: number, label: string): Attributes => ({
  DimensionOrganizationUID: uid,
  DimensionIndexPointer: pointer,
  FunctionalGroupPointer: group,
  DimensionDescriptionLabel: label,
});

function groupsOf({ segment, z, plane }: Frame): Attributes {
  return {
    DerivationImageSequence: [
      {
        DerivationCodeSequence: [code("113076", "DCM", "Segmentation")],
        SourceImageSequence: [
          {
            ...frameReference(plane),
            PurposeOfReferenceCodeSequence: [code("121322", "DCM", "Source image for image processing operation")],
          },
        ],
      },
    ],
    FrameContentSequence: [{ DimensionIndexValues: [segment, z + 1] }],
    PlanePositionSequence: [{ ImagePositionPatient: plane.position!.map((v) => decimal(v)) }],
    SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment }],
  };
}

/** One bit a pixel, the first in the lowest bit, all frames one behind the other; an even number of bytes. */
function packed(
  mask: ArrayLike<number>,
  frames: readonly Frame[],
  segments: readonly Segment[],
  pixels: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(2 * Math.ceil((frames.length * pixels) / 16));
  let bit = 0;
  for (const { segment, z } of frames) {
    const { value } = segments[segment - 1]!;
    for (let i = z * pixels; i < (z + 1) * pixels; i++, bit++) if (mask[i] === value) out[bit >> 3]! |= 1 << (bit & 7);
  }
  return out;
}

/** sRGB of 0 to 255 as DICOM's CIELab: three numbers of 16 bits (PS3.3 C.10.7.1.1). */
function cieLabOf(rgb: Segment["rgb"]): number[] {
  const [r, g, b] = rgb.map((v) =>
    v <= 10.31475 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4,
  ) as unknown as Vector;
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : (t * 24389) / 27 / 116 + 16 / 116);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  const scaled = [(116 * y - 16) / 100, (500 * (x - y) + 128) / 255, (200 * (y - z) + 128) / 255];
  return scaled.map((v) => Math.round(65535 * Math.min(1, Math.max(0, v))));
}
