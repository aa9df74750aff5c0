// RTSTRUCT out: a mask's outlines, slice by slice, on the images that it belongs to (PS3.3 A.19).
import type { Affine, Shape3 } from "../../volume.ts";
import {
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
import { placeOf } from "./patient-space.ts";
import type { Stack } from "./stack.ts";
import { outlinesOf } from "./trace.ts";

const STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3";
const STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1";

/** The bytes of an RTSTRUCT with one structure for each segment of a mask in the stack's order. */
export async function writeStructureSet(
  mask: ArrayLike<number>,
  { planes, header }: Stack,
  segments: readonly Segment[],
  maker: Maker,
): Promise<Uint8Array<ArrayBuffer>> {
  const [first] = planes as [Stack["planes"][number]];
  const series = newSeries(first, maker, "9001");
  const frameOfReference = first.instance.frameOfReferenceUid ?? newUid();
  const numbered = segments.map((segment, i) => ({ ...segment, number: String(i + 1) }));
  return encodeDicom(
    {
      ...series,
      SOPClassUID: STRUCTURE_SET,
      SOPInstanceUID: newUid(),
      Modality: "RTSTRUCT",
      OperatorsName: "",
      StructureSetLabel: "cmedl",
      StructureSetName: maker.description.slice(0, 64),
      StructureSetDescription: "Not for diagnostic use",
      StructureSetDate: series.InstanceCreationDate,
      StructureSetTime: series.InstanceCreationTime,
      FrameOfReferenceUID: frameOfReference,
      PositionReferenceIndicator: "",
      ApprovalStatus: "UNAPPROVED",
      ReferencedFrameOfReferenceSequence: [
        {
          FrameOfReferenceUID: frameOfReference,
          RTReferencedStudySequence: [
            {
              ReferencedSOPClassUID: STUDY_COMPONENT,
              ReferencedSOPInstanceUID: series.StudyInstanceUID,
              RTReferencedSeriesSequence: planesBySeries(planes).map(([uid, all]) => ({
                SeriesInstanceUID: uid,
                ContourImageSequence: imageReferences(all),
              })),
            },
          ],
        },
      ],
      StructureSetROISequence: numbered.map(({ name, number }) => ({
        ROINumber: number,
        ReferencedFrameOfReferenceUID: frameOfReference,
        ROIName: name.slice(0, 64),
        ROIGenerationAlgorithm: "AUTOMATIC",
      })),
      ROIContourSequence: numbered.map(({ value, number, rgb }) => ({
        ROIDisplayColor: rgb.map(String),
        ReferencedROINumber: number,
        ContourSequence: contoursOf(mask, value, header.shape, header.affine, planes.map(frameReference)),
      })),
      RTROIObservationsSequence: numbered.map(({ number }) => ({
        ObservationNumber: number,
        ReferencedROINumber: number,
        RTROIInterpretedType: "",
        ROIInterpreter: "",
      })),
    },
    { explicit: false },
  );
}

function contoursOf(
  mask: ArrayLike<number>,
  value: number,
  [nx, ny, nz]: Shape3,
  affine: Affine,
  /** Of each slice. */
  images: readonly object[],
): object[] {
  const contours: object[] = [];
  for (let z = 0; z < nz; z++) {
    const start = z * nx * ny;
    for (const outline of outlinesOf((x, y) => mask[start + y * nx + x] === value, nx, ny)) {
      const points: string[] = [];
      for (let i = 0; i < outline.length; i += 2)
        points.push(...placeOf(affine, outline[i]!, outline[i + 1]!, z).map((v) => decimal(v, 5)));
      contours.push({
        ContourImageSequence: [images[z]],
        ContourGeometricType: "CLOSED_PLANAR",
        NumberOfContourPoints: String(points.length / 3),
        ContourData: points,
      });
    }
  }
  return contours;
}
