// Contours (RTSTRUCT) on a grid: which voxels are within, which slice is meant, and what is said of the rest.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { fileOfBytes, openStructures } from "../../data/formats/index.ts";
import { refused } from "../helpers/refused.ts";
import { type Attribute, IMPLICIT, dicomBytes } from "./dicom-writer.ts";
import { grid, side } from "./structure-grid.ts";

const test = suite("contours");

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
  const { data, warnings } = await set.draw(["s"], grid);
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
    const { data, warnings } = await set.draw(set.names, grid);
    assert.equal([...data.subarray(side, 2 * side)], [0, 1, 1, 1, 2, 2, 2, 0, 0, 0]);
    assert.match(warnings.join(), /3 voxels are of two structures: they have the lower label/);
    await refused(set.draw(["Liver"], grid), /ROIName \(3006,0026\): Liver is not among Lung/, DataError);
  }
});

test("an image without a place takes no contours", async () => {
  const set = (await structureSet({ s: [{ points: square(0.5, 0.5, 3.5, 3.5), z: 0 }] }))!;
  await refused(
    set.draw(["s"], { ...grid, oriented: false }),
    /rs\.dcm: structures: are in millimetres, and nothing/,
    DataError,
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
    (await set.draw(["s"], grid)).data.reduce((n, v) => n + v, 0),
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
  await refused(set, /ContourData \(3006,0050\): 9 values of s are no points/, DataError);
});

test.run();
