// Contours and segments on a grid: which voxels are within, which slice is meant, and what is said of the rest.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { seriesOf, writeMaskObject } from "../../data/formats/dicom-out.ts";
import { fillEvenOdd } from "../../data/formats/dicom/fill.ts";
import { outlinesOf } from "../../data/formats/dicom/trace.ts";
import { fileOfBytes, openStructures, readFolder } from "../../data/formats/index.ts";
import { type Attribute, IMPLICIT, dicomBytes, sliceFile } from "./dicom-writer.ts";

const test = suite("structures");
const side = 10;
/** Voxels of 1 × 1 × 2 mm whose first is at the origin of LPS: index and millimetre are one but for z. */
const grid = {
  shape: [side, side, 4] as const,
  affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
  oriented: true,
};

type Points = readonly (readonly [x: number, y: number])[];
interface Contour {
  readonly points: Points;
  readonly z: number;
  readonly type?: string;
  /** Stored as VR UN, as some writers do with long values. */
  readonly un?: boolean;
}

function structureSet(structures: Readonly<Record<string, readonly Contour[]>>, implicit = false) {
  const names = Object.keys(structures);
  const contour = ({ points, z, type = "CLOSED_PLANAR", un }: Contour): Attribute[] => [
    // An image that is nowhere.
    [0x30060016, "SQ", [[[0x00081155, "UI", "1.2.3.4.5.6.7"]]]],
    [0x30060042, "CS", type],
    [0x30060050, un ? "UN" : "DS", points.flatMap(([x, y]) => [x, y, z]).join("\\")],
  ];
  const attributes: Attribute[] = [
    [0x00080060, "CS", "RTSTRUCT"],
    [
      0x30060020,
      "SQ",
      names.map((name, i): Attribute[] => [
        [0x30060022, "IS", String(i + 7)],
        [0x30060026, "LO", name],
      ]),
    ],
    [
      0x30060039,
      "SQ",
      names.map((name, i): Attribute[] => [
        [0x30060040, "SQ", structures[name]!.map(contour)],
        [0x30060084, "IS", String(i + 7)],
      ]),
    ],
  ];
  return openStructures(fileOfBytes(dicomBytes(attributes, implicit ? { syntax: IMPLICIT } : {}), "rs.dcm"));
}

async function drawn(
  contours: readonly Contour[],
): Promise<{ count: (z: number) => number; at: (x: number, y: number, z: number) => number; warnings: string }> {
  const set = (await structureSet({ s: contours }))!;
  const { data, warnings } = set.draw(["s"], grid);
  return {
    count: (z) => data.subarray(z * 100, (z + 1) * 100).reduce((n, v) => n + v, 0),
    at: (x, y, z) => data[z * 100 + y * side + x]!,
    warnings: warnings.join(" "),
  };
}
const square = (x0: number, y0: number, x1: number, y1: number): Points => [
  [x0, y0],
  [x1, y0],
  [x1, y1],
  [x0, y1],
];

test("a voxel is within where its centre is; a centre on a low edge is, one on a high edge is not, in both axes", async () => {
  const half = await drawn([{ points: square(1.5, 2.5, 4.5, 6.5), z: 0 }]);
  assert.is(half.count(0), 12);
  assert.equal([half.at(2, 3, 0), half.at(4, 6, 0), half.at(1, 3, 0), half.at(5, 3, 0)], [1, 1, 0, 0]);
  const onCentres = await drawn([{ points: square(2, 3, 5, 7), z: 0 }]);
  assert.is(onCentres.count(0), 12);
  assert.equal([onCentres.at(2, 3, 0), onCentres.at(5, 3, 0), onCentres.at(2, 7, 0)], [1, 0, 0]);
});

test("holes: a contour within another, and a keyhole, leave the same voxels out", async () => {
  const xor = await drawn([
    { points: square(0.5, 0.5, 8.5, 8.5), z: 0 },
    { points: square(2.5, 2.5, 5.5, 5.5), z: 0 },
  ]);
  const keyhole = await drawn([
    {
      points: [
        [0.5, 0.5],
        [8.5, 0.5],
        [8.5, 8.5],
        [0.5, 8.5],
        [0.5, 2.5],
        [2.5, 2.5],
        [2.5, 5.5],
        [5.5, 5.5],
        [5.5, 2.5],
        [0.5, 2.5],
      ],
      z: 0,
    },
  ]);
  assert.is(xor.count(0), 64 - 9);
  assert.is(keyhole.count(0), 64 - 9);
  assert.is(xor.at(3, 3, 0), 0);
});

test("contours belong to the slice that they lie on, whatever image they name; the nearest plane counts", async () => {
  const mask = await drawn([
    { points: square(0.5, 0.5, 3.5, 3.5), z: 2 },
    { points: square(0.5, 0.5, 2.5, 2.5), z: 4.1 },
    { points: square(0.5, 0.5, 8.5, 8.5), z: 4.9 },
  ]);
  assert.equal([mask.count(0), mask.count(1), mask.count(2), mask.count(3)], [0, 9, 4, 0]);
  assert.match(mask.warnings, /1 planes of contours lie between slices: each slice has those of the nearest/);
});

test("what gives no mask is said: other marks, other planes, contours outside, and slices that are skipped", async () => {
  const mask = await drawn([
    { points: square(0.5, 0.5, 3.5, 3.5), z: 0 },
    { points: square(0.5, 0.5, 3.5, 3.5), z: 6 },
    { points: square(0.5, 0.5, 3.5, 3.5), z: 40 },
    { points: [[1, 1]], z: 0, type: "POINT" },
  ]);
  assert.match(mask.warnings, /rs\.dcm: s: a POINT encloses nothing/);
  assert.match(mask.warnings, /1 contours are outside the image/);
  assert.match(mask.warnings, /2 slices between its contours have none: they are left empty/);
  assert.match((await drawn([])).warnings, /s: has no contours, so no mask/);
  assert.match(
    (await drawn([{ points: square(1.1, 1.1, 1.9, 1.9), z: 0 }])).warnings,
    /enclose no voxel's centre, so it gives no mask/,
  );
});

test("contours of unknown VR, and of implicit files, are read; of two structures a voxel has the lower label", async () => {
  const a = [{ points: square(0.5, 0.5, 3.5, 3.5), z: 0, un: true }];
  const b = [{ points: square(2.5, 0.5, 6.5, 3.5), z: 0 }];
  for (const implicit of [false, true]) {
    const set = (await structureSet({ Lung: a, Tümor: b }, implicit))!;
    assert.is(set.kind, "RTSTRUCT");
    const { data, warnings } = set.draw(set.names, grid);
    assert.equal([...data.subarray(side, 2 * side)], [0, 1, 1, 1, 2, 2, 2, 0, 0, 0]);
    assert.match(warnings.join(), /3 voxels are of two structures: they have the lower label/);
    assert.throws(() => set.draw(["Liver"], grid), /ROIName \(3006,0026\): Liver is not among Lung/);
  }
});

test("an image without a place takes no contours", async () => {
  const set = (await structureSet({ s: [{ points: square(0.5, 0.5, 3.5, 3.5), z: 0 }] }))!;
  assert.throws(
    () => set.draw(["s"], { ...grid, oriented: false }),
    /rs\.dcm: structures: are in millimetres, and nothing/,
  );
});

test("sequences of unknown VR are read as implicit ones", async () => {
  const contours = dicomBytes(
    [
      [
        0x30060040,
        "SQ",
        [
          [
            [0x30060042, "CS", "CLOSED_PLANAR"],
            [0x30060050, "DS", "0.5\\0.5\\0\\3.5\\0.5\\0\\3.5\\3.5\\0"],
          ],
        ],
      ],
    ],
    { syntax: IMPLICIT, preamble: false },
  );
  const inner = contours.slice(8);
  const bytes = dicomBytes([
    [0x00080060, "CS", "RTSTRUCT"],
    [
      0x30060020,
      "SQ",
      [
        [
          [0x30060022, "IS", "1"],
          [0x30060026, "LO", "s"],
        ],
      ],
    ],
    [
      0x30060039,
      "SQ",
      [
        [
          [0x30060040, "UN", inner],
          [0x30060084, "IS", "1"],
        ],
      ],
    ],
  ]);
  const set = (await openStructures(fileOfBytes(bytes, "rs.dcm")))!;
  assert.is(
    set.draw(["s"], grid).data.reduce((n, v) => n + v, 0),
    6,
  );
});

test("wrong points are refused", async () => {
  const set = structureSet({
    s: [
      {
        points: [
          [1, 2],
          [3, Number.NaN],
          [4, 5],
        ],
        z: 0,
      },
    ],
  });
  const error = await set.then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.instance(error, DataError);
  assert.match((error as Error).message, /ContourData \(3006,0050\): 9 values of s are no points/);
});

/** Seeded blobs with holes, islands in holes, and corners that touch. */
function noise(width: number, height: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: width * height }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return +(state / 2 ** 32 < 0.6);
  });
}

test("outlines of a mask fill to the same mask, holes and islands and touching corners too", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const mask = noise(9, 7, seed);
    const outlines = outlinesOf((x, y) => mask[y * 9 + x] === 1, 9, 7);
    const filled = new Uint8Array(63);
    fillEvenOdd(
      outlines.map((o) => Float64Array.from(o)),
      filled,
      9,
      7,
    );
    assert.equal([...filled], [...mask], `seed ${seed}`);
  }
  assert.equal(
    outlinesOf(() => true, 3, 2),
    [[-0.5, -0.5, 2.5, -0.5, 2.5, 1.5, -0.5, 1.5]],
  );
});

const slices = [0, 3, 6].map((z) => sliceFile({ z, rows: 7, columns: 9, pixels: new Array(63).fill(z) }));
const mask = Uint8Array.from({ length: 189 }, (_, i) => (i < 63 ? 0 : noise(9, 14, 3)[i - 63]! * (1 + +(i % 9 > 5))));
const segments = [
  { name: "tumour", value: 1, rgb: [230, 25, 75] as const },
  { name: "Lunge, größer", value: 2, rgb: [0, 130, 200] as const },
];
const maker = { version: "0.1.0", description: "cmedl runs/first", date: new Date(2026, 0, 2, 3, 4, 5) };

for (const object of ["rtstruct", "seg"] as const)
  test(`a mask that is written as ${object} is read back voxel for voxel, with its names`, async () => {
    const series = await seriesOf(slices, "CT");
    const bytes = await writeMaskObject(object, mask, series, segments, maker);
    const set = (await openStructures(fileOfBytes(bytes, "out.dcm")))!;
    assert.equal(set.names, ["tumour", "Lunge, größer"]);
    const { data, warnings } = set.draw(set.names, await readFolder(slices, "CT"));
    assert.equal([...data], [...mask]);
    assert.equal(warnings, []);
    const empty = await writeMaskObject(object, new Uint8Array(189), series, segments, maker);
    const none = (await openStructures(fileOfBytes(empty, "out.dcm")))!.draw(
      ["tumour"],
      await readFolder(slices, "CT"),
    );
    assert.is(none.data.some(Boolean), false);
    assert.match(none.warnings.join(), /no contours, so no mask|no voxel is in it/);
  });

/** A SEG of 2 × 2 pixels a frame, at (x, y, z) in mm each. */
function segmentation(
  type: string,
  frames: readonly { readonly at: readonly number[]; readonly segment?: number; readonly pixels: readonly number[] }[],
  more: readonly Attribute[] = [],
) {
  const attributes: Attribute[] = [
    [0x00080060, "CS", "SEG"],
    [0x00280002, "US", 1],
    [0x00280004, "CS", "MONOCHROME2"],
    [0x00280008, "IS", String(frames.length)],
    [0x00280010, "US", 2],
    [0x00280011, "US", 2],
    [0x00280100, "US", 8],
    [0x00280101, "US", 8],
    [0x00280102, "US", 7],
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
          [0x00289110, "SQ", [[[0x00280030, "DS", "1\\1"]]]],
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
    [0x7fe00010, "OB", frames.flatMap(({ pixels }) => pixels)],
  ];
  return openStructures(fileOfBytes(dicomBytes(attributes), "seg.dcm"));
}
const voxels = (data: Uint16Array): string[] => [...data].flatMap((v, i) => (v === 0 ? [] : [`${i}:${v}`]));

test("SEG: frames smaller than the image lie where their positions say; of overlapping segments the lower stays", async () => {
  const set = (await segmentation("BINARY", [
    { at: [3, 4, 2], segment: 2, pixels: [1, 1, 0, 1] },
    { at: [3, 4, 2], segment: 1, pixels: [0, 1, 0, 0] },
    { at: [0, 0, 6], segment: 1, pixels: [1, 0, 0, 0] },
  ]))!;
  assert.equal(set.names, ["segment A", "segment B"]);
  const { data, warnings } = set.draw(set.names, grid);
  assert.equal(voxels(data), ["143:2", "144:1", "154:2", "300:1"]);
  assert.match(warnings.join(), /1 voxels are of two structures/);
  assert.equal(voxels(set.draw(["segment B"], grid).data), ["143:1", "144:1", "154:1"]);
});

test("SEG: fractions belong from a half on; a labelmap's values are its segments' numbers", async () => {
  const fractional = (await segmentation(
    "FRACTIONAL",
    [{ at: [0, 0, 0], segment: 1, pixels: [49, 50, 100, 0] }],
    [[0x0062000e, "US", 100]],
  ))!;
  assert.equal(voxels(fractional.draw(["segment A"], grid).data), ["1:1", "10:1"]);
  const labelmap = (await segmentation("LABELMAP", [{ at: [0, 0, 0], pixels: [0, 1, 2, 2] }]))!;
  assert.equal(voxels(labelmap.draw(labelmap.names, grid).data), ["1:1", "10:2", "11:2"]);
});

test("SEG: frames between the image's voxels or outside it are refused", async () => {
  const at = async (...place: number[]): Promise<unknown> =>
    (await segmentation("BINARY", [{ at: place, segment: 1, pixels: [1, 1, 1, 1] }]))!.draw(["segment A"], grid);
  for (const [place, message] of [
    [[0.5, 0, 0], /frame 1 lies between the image's voxels; resample/],
    [[0, 0, 1], /frame 1 lies between the image's voxels/],
    [[9, 0, 0], /frame 1 lies outside the image/],
    [[0, 0, 8], /frame 1 lies outside the image/],
  ] as const) {
    const error = await at(...place).then(
      () => undefined,
      (e: unknown) => e,
    );
    assert.instance(error, DataError);
    assert.match((error as Error).message, message);
  }
});

test.run();
