// Trees of DICOM for tests: series of slices, and contours that are on them.
import { type Attribute, dicomBytes, sliceBytes } from "./dicom-writer.ts";

export interface SeriesOf {
  readonly uid: string;
  /** Its frame of reference; "" where it tells none. */
  readonly frame: string;
  readonly z: readonly number[];
  readonly patient?: string;
  readonly study?: string;
}

/** The files of a series below a folder, by their paths. */
export const seriesIn = (
  folder: string,
  { uid, frame, z, patient = "P", study = "" }: SeriesOf,
): Record<string, Uint8Array<ArrayBuffer>> =>
  Object.fromEntries(
    z.map((at) => [
      `${folder}/${at}.dcm`,
      sliceBytes({
        z: at,
        series: uid,
        sop: `${uid}.${1000 + at * 10}`,
        more: [
          [0x00100020, "LO", patient],
          [0x0020000d, "UI", study],
          [0x00200052, "UI", frame],
        ],
      }),
    ]),
  );

/** Contours at some places along z, by what they name. */
export function contours(
  z: readonly number[],
  { series = "", frame = "", patient = "P", study = "" } = {},
): Uint8Array<ArrayBuffer> {
  const attributes: Attribute[] = [
    [0x00080060, "CS", "RTSTRUCT"],
    [0x00100020, "LO", patient],
    [0x0020000d, "UI", study],
    [
      0x30060010,
      "SQ",
      [
        [
          [0x00200052, "UI", frame],
          [0x30060012, "SQ", [[[0x30060014, "SQ", [[[0x0020000e, "UI", series]]]]]]],
        ],
      ],
    ],
    [
      0x30060020,
      "SQ",
      [
        [
          [0x30060022, "IS", "1"],
          [0x30060026, "LO", "GTV"],
        ],
      ],
    ],
    [
      0x30060039,
      "SQ",
      [
        [
          [
            0x30060040,
            "SQ",
            z.map((at): Attribute[] => [[0x30060050, "DS", `10\\20\\${at}\\11\\20\\${at}\\11\\21\\${at}`]]),
          ],
          [0x30060084, "IS", "1"],
        ],
      ],
    ],
  ];
  return dicomBytes(attributes);
}
