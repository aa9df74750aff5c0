// NIfTI files that are odd but tell enough: they are read, and a warning says what was odd.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileOfBytes, readImage, readImageHeader } from "../../data/formats/index.ts";
import { parseNifti, writeNifti } from "../../data/formats/nifti.ts";
import { rangeOf, scaleInto, softTissueWindow, wrappedNegatives } from "../../data/intensity.ts";
import { percentiles } from "../../data/percentiles.ts";
import { makeVolume, voxelVolumeMm3 } from "../../data/volume.ts";

const test = suite("odd nifti");
const voxels = Int16Array.from({ length: 60 * 64 }, (_, i) => (i * 7919) % 3000);
const volume = makeVolume("case", voxels, [15, 16, 16], [0.5, 0.75, 2]);
const bytesWith = (change: (view: DataView) => void): Uint8Array<ArrayBuffer> => {
  const bytes = writeNifti(voxels, volume, { gzip: false });
  change(new DataView(bytes.buffer));
  return bytes;
};
const joined = (...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => Array.from(part)));
const PIXDIM = 76;
const DIM = 40;

test("zeros behind the gzip stream are padding, whatever their number", () => {
  const file = writeNifti(voxels, volume);
  for (const count of [1, 2, 3, 4, 7, 8, 9, 512, 40_000]) {
    const read = parseNifti(joined(file, new Uint8Array(count)), "x.nii.gz");
    assert.equal(read.data, voxels, `${count} zeros`);
    assert.equal(read.warnings, []);
  }
});

test("other bytes behind the gzip stream are told, and not read", () => {
  const file = writeNifti(voxels, volume);
  for (const text of ["a", "abc", "more", "a note that someone appended to the file", "\0\0\0\0end"]) {
    const read = parseNifti(joined(file, new TextEncoder().encode(text)), "x.nii.gz");
    assert.equal(read.data, voxels, text);
    assert.equal(read.warnings, [`x.nii.gz: ${text.length} bytes that follow the gzip stream are not read.`]);
  }
  assert.throws(() => parseNifti(joined(file, file.subarray(0, 40)), "x.nii.gz"), /damaged or cut/);
  assert.throws(
    () => parseNifti(joined(file.subarray(0, 2000), new Uint8Array(99)), "x.nii.gz"),
    /expected 8032 bytes, the gzip stream holds 2774/,
  );
});

test("a tiny padded file's header is read from its beginning too", async () => {
  const small = writeNifti(new Uint8Array(8), makeVolume("s", new Uint8Array(8), [2, 2, 2], [1, 1, 1]));
  const padded = joined(small, new Uint8Array(4096));
  assert.equal((await readImageHeader(fileOfBytes(padded.subarray(0, 4096), "s.nii.gz"))).shape, [2, 2, 2]);
  assert.equal((await readImage(fileOfBytes(padded, "s.nii.gz"))).shape, [2, 2, 2]);
});

test("a plain file that is named .gz is read as what its bytes say", async () => {
  const plain = writeNifti(voxels, volume, { gzip: false });
  const file = fileOfBytes(plain, "x.nii.gz");
  const warning = ["x.nii.gz: the file is named .gz but is not gzip: it is read as it is."];
  assert.equal((await readImage(file)).data, voxels);
  assert.equal((await readImage(file)).warnings, warning);
  assert.equal((await readImageHeader(file)).warnings, warning);
  assert.throws(() => parseNifti(new Uint8Array(500).fill(7), "x.nii.gz"), /neither gzip, as its name says, nor NIfTI/);
});

test("a size of 0 or less beyond the third dimension is taken for 1", () => {
  for (const [rank, index, size] of [
    [4, 4, 0],
    [5, 5, 0],
    [4, 4, -1],
  ] as const) {
    const read = parseNifti(
      bytesWith((v) => {
        v.setInt16(DIM, rank, true);
        v.setInt16(DIM + 2 * index, size, true);
      }),
      "x.nii",
    );
    assert.equal(read.data, voxels);
    assert.equal(read.warnings, [`x.nii: dim[${index}] is ${size}: it is taken for 1, one volume.`]);
  }
});

test("a voxel size that is none is the s-form's, with a warning; without an s-form it is refused", () => {
  for (const [index, value, right] of [
    [1, 0, 0.5],
    [2, -0.75, 0.75],
    [3, NaN, 2],
    [3, Infinity, 2],
  ] as const) {
    const change = (v: DataView): void => v.setFloat32(PIXDIM + 4 * index, value, true);
    const read = parseNifti(bytesWith(change), "x.nii");
    assert.equal(read.spacingMm, [0.5, 0.75, 2]);
    assert.is(read.geometry.pixdim[index], right);
    assert.is(read.warnings[0], `x.nii: pixdim[${index}] is ${value}, no voxel size: the s-form's ${right} is used.`);
    // What is written with this geometry is whole.
    assert.equal(parseNifti(writeNifti(new Uint8Array(voxels.length), read), "m.nii.gz").warnings, []);
    const withoutForm = bytesWith((v) => {
      change(v);
      v.setInt16(254, 0, true);
    });
    assert.throws(
      () => parseNifti(withoutForm, "x.nii"),
      new RegExp(`pixdim\\[${index}\\]: ${value} is no voxel size`),
    );
  }
});

test("a slope of 0 scales nothing, and an intercept beside it is not added but told of", () => {
  const read = (inter: number) =>
    parseNifti(
      bytesWith((v) => {
        v.setFloat32(112, 0, true);
        v.setFloat32(116, inter, true);
      }),
      "x.nii",
    );
  assert.equal(read(0).warnings, []);
  assert.match(read(-1024).warnings.join(), /scl_slope is 0, so scl_inter -1024 is not added, as the standard says/);
  assert.equal(read(-1024).data, read(0).data);
});

test("a unit matrix beside no voxel size at all tells none", () => {
  const blank = bytesWith((v) => {
    for (let i = 1; i <= 3; i++) v.setFloat32(PIXDIM + 4 * i, 0, true);
    for (let i = 0; i < 12; i++) v.setFloat32(280 + 4 * i, Number(i % 5 === 0), true);
  });
  assert.throws(() => parseNifti(blank, "x.nii"), /pixdim\[1\]: 0 is no voxel size/);
});

test("forms that differ are told with the distance; what rounding does to a half turn is not", () => {
  const moved = (dx: number): readonly string[] =>
    parseNifti(
      bytesWith((v) => v.setFloat32(280 + 12, v.getFloat32(292, true) + dx, true)),
      "x.nii",
    ).warnings;
  assert.equal(moved(0), []);
  assert.equal(moved(0.0002), []);
  assert.match(moved(3)[0]!, /q-form and s-form differ, by up to 3\.00 mm: the s-form is used; other readers may/);
  // A turn of 0.0002 rad beside the half turn of LPS: float32 can't hold its quaternion.
  const [angle, sx, sy] = [2e-4, 0.5, 0.75];
  const turned = bytesWith((v) => {
    [Math.sin(angle / 2), 0, Math.cos(angle / 2)].forEach((q, i) => v.setFloat32(256 + 4 * i, q, true));
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    [-sx * c, 0, 2 * s, 0, 0, -sy, 0, 0, sx * s, 0, 2 * c, 0].forEach((a, i) => v.setFloat32(280 + 4 * i, a, true));
  });
  assert.equal(parseNifti(turned, "x.nii").warnings, []);
  const none = bytesWith((v) => v.setFloat32(256, 2, true));
  assert.match(parseNifti(none, "x.nii").warnings[0]!, /the q-form \(2, 0, 1\) is no rotation: the s-form is used/);
});

test("header and whole file give one verdict, in the same words, on 1,500 seeded changes of a header", async () => {
  let state = 11;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const said = async (read: () => Promise<{ readonly warnings: readonly string[] }>): Promise<string> => {
    try {
      return (await read()).warnings.join();
    } catch (error) {
      return (error as Error).message;
    }
  };
  const ofHeader = /: (dim|pixdim|sizeof_hdr|magic|datatype|vox_offset|scl_|srow|quatern|header)/;
  let refused = 0;
  for (let i = 0; i < 1500; i++) {
    const bytes = bytesWith((v) => {
      for (let k = next(3); k >= 0; k--) v.setUint8(next(348), next(256));
    });
    const [header, whole] = [
      await said(() => readImageHeader(fileOfBytes(bytes.subarray(0, 4096), "x.nii"))),
      await said(() => readImage(fileOfBytes(bytes, "x.nii"))),
    ];
    if (ofHeader.test(header) || ofHeader.test(whole)) assert.is(whole, header, `change ${i}`);
    if (ofHeader.test(header)) refused++;
  }
  assert.ok(refused > 100, `${refused}`);
});

test("the volume of a sheared voxel is its determinant", () => {
  assert.is(voxelVolumeMm3([2, 0, 0, 0, 0, 3, 1.5, 0, 0, 0, 4, 0, 0, 0, 0, 1]), 24);
  assert.ok(Math.abs(voxelVolumeMm3(volume.affine) - 0.75) < 1e-12);
});

test("NaN and infinity of an image are its background: the bottom of the scale, outside every percentile", () => {
  const data = Float32Array.of(NaN, 40, 1000, -Infinity, 80, Infinity, 20);
  const target = new Float32Array(7);
  scaleInto(target, 0, data, rangeOf(softTissueWindow, data, "x"));
  assert.equal([...target], [-1, 0, 1, -1, Math.fround(0.2), -1, Math.fround(-0.1)]);
  assert.equal(percentiles(data, [0, 50, 100]), [20, 60, 1000]);
  assert.equal(rangeOf({ kind: "percentile", percentile: 100 }, data, "x"), { low: 0, high: 1000 });
});

test("negative values that wrapped round are counted, in every type; other high values are not", () => {
  const hu = Array.from({ length: 6000 }, (_, i) => (i % 3 ? -1000 + (i % 900) : i % 1500));
  const unsigned = Uint16Array.from(hu, (v) => v & 0xffff);
  const count = hu.filter((v) => v < 0).length;
  for (const data of [
    unsigned,
    Float32Array.from(unsigned),
    Int32Array.from(unsigned),
    Float32Array.from(unsigned, (v) => v - 1024),
  ])
    assert.is(wrappedNegatives(data), count);
  assert.is(wrappedNegatives(Int16Array.from(hu)), 0);
  // An MR that uses all sixteen bits, an image in 0 … 4,095, and larger numbers than wrapping gives.
  assert.is(wrappedNegatives(Uint16Array.from({ length: 6000 }, (_, i) => i * 10.9)), 0);
  assert.is(wrappedNegatives(Uint16Array.from({ length: 6000 }, (_, i) => i % 4096)), 0);
  assert.is(wrappedNegatives(Float32Array.from(unsigned, (v) => v * 10)), 0);
});

test.run();
