// Segments (SEG) on a grid: binary, fractional and labelmap frames, laid by their places.
import { deflateSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { fileOfBytes, openStructures } from "../../data/formats/index.ts";
import { refused } from "../helpers/refused.ts";
import { type Attribute, dicomBytes, encapsulated, withUndefinedLength } from "./dicom-writer.ts";
import { grid } from "./structure-grid.ts";

const test = suite("segments");

interface Seg {
  /** More attributes. */
  readonly more?: readonly Attribute[];
  readonly measures?: readonly Attribute[];
  readonly bits?: number;
  readonly syntax?: string;
  /** In place of the frames' pixels. */
  readonly pixelData?: Attribute;
}

/** The file of a SEG of 2 × 2 pixels a frame, at (x, y, z) in mm each. */
function segBytes(
  type: string,
  frames: readonly { readonly at: readonly number[]; readonly segment?: number; readonly pixels: readonly number[] }[],
  { more = [], measures = [[0x00280030, "DS", "1\\1"]], bits = 8, syntax, pixelData }: Seg = {},
) {
  const attributes: Attribute[] = [
    [0x00080060, "CS", "SEG"],
    [0x00280002, "US", 1],
    [0x00280004, "CS", "MONOCHROME2"],
    [0x00280008, "IS", String(frames.length)],
    [0x00280010, "US", 2],
    [0x00280011, "US", 2],
    [0x00280100, "US", bits],
    [0x00280101, "US", bits],
    [0x00280102, "US", bits - 1],
    [0x00280103, "US", 0],
    [0x00620001, "CS", type],
    [
      0x00620002,
      "SQ",
      [1, 2].map((n): Attribute[] => [
        [0x00620004, "US", n],
        [0x00620005, "LO", `segment ${"AB"[n - 1]}`],
      ]),
    ],
    ...more,
    [
      0x52009229,
      "SQ",
      [
        [
          [0x00209116, "SQ", [[[0x00200037, "DS", "1\\0\\0\\0\\1\\0"]]]],
          [0x00289110, "SQ", [measures]],
        ],
      ],
    ],
    [
      0x52009230,
      "SQ",
      frames.map(({ at, segment }): Attribute[] => [
        [0x00209113, "SQ", [[[0x00200032, "DS", at.join("\\")]]]],
        ...(segment === undefined ? [] : ([[0x0062000a, "SQ", [[[0x0062000b, "US", segment]]]]] as Attribute[])),
      ]),
    ],
    pixelData ?? [0x7fe00010, "OB", frames.flatMap(({ pixels }) => pixels)],
  ];
  return dicomBytes(attributes, syntax === undefined ? {} : { syntax });
}
const segmentation = (...seg: Parameters<typeof segBytes>) => openStructures(fileOfBytes(segBytes(...seg), "seg.dcm"));
const voxels = (data: Uint16Array): string[] => [...data].flatMap((v, i) => (v === 0 ? [] : [`${i}:${v}`]));

test("frames smaller than the image lie where their positions say; of overlapping segments the lower stays", async () => {
  const set = (await segmentation("BINARY", [
    { at: [3, 4, 2], segment: 2, pixels: [1, 1, 0, 1] },
    { at: [3, 4, 2], segment: 1, pixels: [0, 1, 0, 0] },
    { at: [0, 0, 6], segment: 1, pixels: [1, 0, 0, 0] },
  ]))!;
  assert.equal(set.names, ["segment A", "segment B"]);
  const { data, warnings } = await set.draw(set.names, grid);
  assert.equal(voxels(data), ["143:2", "144:1", "154:2", "300:1"]);
  assert.match(warnings.join(), /1 voxels are of two structures/);
  assert.equal(voxels((await set.draw(["segment B"], grid)).data), ["143:1", "144:1", "154:1"]);
});

test("fractions belong from a half on; a labelmap's values are its segments' numbers", async () => {
  const fractional = (await segmentation("FRACTIONAL", [{ at: [0, 0, 0], segment: 1, pixels: [49, 50, 100, 0] }], {
    more: [[0x0062000e, "US", 100]],
  }))!;
  assert.equal(voxels((await fractional.draw(["segment A"], grid)).data), ["1:1", "10:1"]);
  const labelmap = (await segmentation("LABELMAP", [{ at: [0, 0, 0], pixels: [0, 1, 2, 2] }]))!;
  assert.equal(voxels((await labelmap.draw(labelmap.names, grid)).data), ["1:1", "10:2", "11:2"]);
});

test("frames between the image's voxels or outside it are refused", async () => {
  const at = async (...place: number[]): Promise<unknown> =>
    (await segmentation("BINARY", [{ at: place, segment: 1, pixels: [1, 1, 1, 1] }]))!.draw(["segment A"], grid);
  for (const [place, message] of [
    [[0.5, 0, 0], /frame 1 lies between the image's voxels; resample/],
    [[0, 0, 1], /frame 1 lies between the image's voxels/],
    [[9, 0, 0], /frame 1 lies outside the image/],
    [[0, 0, 8], /frame 1 lies outside the image/],
  ] as const) {
    await refused(at(...place), message, DataError);
  }
});

test("frames whose pixels stand for several voxels, or for parts of one, are refused", async () => {
  const drawn = async (at: readonly number[][], ...measures: Attribute[]): Promise<unknown> => {
    const frames = at.map((place) => ({ at: place, segment: 1, pixels: [1, 1, 1, 1] }));
    return (await segmentation("BINARY", frames, { measures }))!.draw(["segment A"], grid);
  };
  const spacing = (rows: number, columns: number): Attribute => [0x00280030, "DS", `${rows}\\${columns}`];
  const distance = (mm: number): Attribute => [0x00180088, "DS", String(mm)];
  for (const [rows, columns, shown] of [
    [2, 2, "2 × 2"],
    [1, 3, "3 × 1"],
    [0.5, 0.5, "0.5 × 0.5"],
  ] as const)
    await refused(
      drawn([[0, 0, 0]], spacing(rows, columns)),
      new RegExp(`PixelSpacing \\(0028,0030\\): a pixel of frame 1 is ${shown} of the image's; resample`),
      DataError,
    );
  const everySecond = [0, 4].map((z) => [0, 0, z]);
  await refused(
    drawn(everySecond, distance(4), spacing(1, 1)),
    /SpacingBetweenSlices \(0018,0088\): frames are 4 mm apart, slices of the image 2 mm; resample/,
    DataError,
  );
  // A structure may skip slices where its frames do not tell that they fill them.
  const { warnings } = (await drawn(everySecond, distance(2), spacing(1, 1))) as { warnings: string[] };
  assert.match(warnings.join(), /segment A: 1 slices between its frames have none: they are left empty/);
  await drawn(
    [0, 2].map((z) => [0, 0, z]),
    [0x00180050, "DS", "4"],
    spacing(1, 1),
  );
});

/** An RLE frame of one segment, which is one literal run. */
function rleFrame(bytes: readonly number[]): Uint8Array {
  const frame = new Uint8Array(64 + 1 + bytes.length);
  frame.set([1, 0, 0, 0, 64]);
  frame.set([bytes.length - 1, ...bytes], 64);
  return frame;
}

test("frames of one bit are read from RLE, packed or a byte each, and from deflate", async () => {
  const frames = [
    { at: [0, 0, 0], segment: 1, pixels: [] },
    { at: [5, 5, 2], segment: 2, pixels: [] },
  ];
  const drawn = async (syntax: string, ...fragments: readonly Uint8Array[]): Promise<string[]> => {
    const pixelData = encapsulated(...fragments)[0]!;
    const bytes = withUndefinedLength(segBytes("BINARY", frames, { bits: 1, syntax, pixelData }));
    const set = (await openStructures(fileOfBytes(bytes, "seg.dcm")))!;
    return voxels((await set.draw(set.names, grid)).data);
  };
  const [rle, deflated] = ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"];
  const wanted = ["0:1", "10:1", "11:1", "156:2"];
  assert.equal(await drawn(rle, rleFrame([0b1101]), rleFrame([0b0010])), wanted);
  assert.equal(await drawn(rle, rleFrame([1, 0, 1, 1]), rleFrame([0, 1, 0, 0])), wanted);
  const packed = [0b1101, 0b0010].map((byte) => deflateSync(Uint8Array.of(byte)));
  assert.equal(await drawn(deflated, ...packed), wanted);
  await refused(
    drawn(deflated, packed[0]!, deflateSync(new Uint8Array())),
    /deflate: the frame has 0 of 1 bytes/,
    DataError,
  );
});

test("a sequence that is damaged is told of where it is read, whenever that is", async () => {
  const frames = [{ at: [0, 0, 0], segment: 1, pixels: [1, 1, 1, 1] }];
  const bytes = segBytes("BINARY", frames, { measures: [[0x00280030, "DS", "1\\1"]] });
  const at = bytes.findIndex((_, i) => bytes[i] === 0x62 && bytes[i + 2] === 0x0a && bytes[i + 4] === 83);
  // The sequence that names a frame's segment becomes bytes whose items can't be told.
  bytes.set([85, 78], at + 4);
  bytes.set([1, 2, 3, 4], at + 12);
  const set = (await openStructures(fileOfBytes(bytes, "seg.dcm")))!;
  await refused(set.draw(["segment A"], grid), /seg\.dcm: data set: is damaged/, DataError);
});

test.run();
