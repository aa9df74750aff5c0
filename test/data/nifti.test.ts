// NIfTI in and out: what is written is read back, bit for bit; what cannot be true is refused with the field's name.
import { gzipSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { crc32 } from "../../data/crc32.ts";
import { parseNifti, peekNifti, writeNifti } from "../../data/formats/nifti.ts";
import { uniform } from "../../data/random.ts";
import { type Geometry, makeVolume } from "../../data/volume.ts";

const test = suite("nifti");

const voxels = Int16Array.from({ length: 3 * 4 * 5 }, (_, i) => i * 37 - 1000);
const volume = makeVolume("case", voxels, [3, 4, 5], [0.5, 0.75, 2]);
// Numbers that float32 holds exactly, so that they must come back equal.
const oblique: Geometry = {
  qformCode: 1,
  sformCode: 2,
  quaternion: [0.25, -0.5, 0.125],
  qoffset: [10.5, -20.25, 300],
  pixdim: [-1, 0.5, 0.75, 2],
  sform: [-0.5, 0.125, 0, 12, 0.0625, -0.75, 0.25, -7.5, 0, 0.125, 2, 33.25],
  xyztUnits: 10,
};
const file = (gzip = false, g = oblique): Uint8Array<ArrayBuffer> =>
  writeNifti(voxels, { ...volume, geometry: g }, { gzip });
const patched = (change: (view: DataView) => void): Uint8Array => {
  const bytes = file();
  change(new DataView(bytes.buffer));
  return bytes;
};
const refuses = (bytes: Uint8Array, field: string, message: RegExp): void => {
  try {
    parseNifti(bytes, "x.nii");
  } catch (error) {
    assert.instance(error, DataError);
    assert.is((error as DataError).field, field);
    assert.match((error as DataError).message, message);
    return;
  }
  assert.unreachable(`accepted, though ${field} is wrong`);
};

for (const gzip of [false, true]) {
  test(`a volume written ${gzip ? "with" : "without"} gzip is read back with equal voxels and geometry`, () => {
    const read = parseNifti(file(gzip), gzip ? "x.nii.gz" : "x.nii");
    assert.equal(read.data, voxels);
    assert.equal(read.shape, [3, 4, 5]);
    assert.equal(read.geometry, oblique);
    assert.equal(read.affine.slice(0, 12), oblique.sform);
    // Its forms differ on purpose: each must come back as it is.
    assert.is(read.warnings.length, 1);
    assert.match(read.warnings[0]!, /q-form and s-form differ, by up to 268 mm: the s-form is used/);
  });
}

test("uint8 and float32 voxels are read back in their type", () => {
  for (const data of [new Uint8Array(60).map((_, i) => i), new Float32Array(60).map((_, i) => i / 3)]) {
    const read = parseNifti(writeNifti(data, volume), "x.nii.gz");
    assert.equal(read.data, data);
    assert.is(read.data.constructor, data.constructor);
  }
});

test("equal volumes are equal files", () => assert.equal(file(true), file(true)));

test("a mask written like a volume that was read has its affine exactly", () => {
  const image = parseNifti(file(true), "x.nii.gz");
  const mask = parseNifti(writeNifti(new Uint8Array(60).fill(1), image), "m.nii.gz");
  assert.equal(mask.affine, image.affine);
  assert.equal(mask.geometry, image.geometry);
  assert.equal(mask.spacingMm, image.spacingMm);
});

test("without an s-form the q-form places the voxels", () => {
  // A quarter turn round z: (x, y, z) → (−y, x, z).
  const h = Math.SQRT1_2;
  const read = parseNifti(
    file(false, { ...oblique, sformCode: 0, quaternion: [0, 0, h], pixdim: [1, 0.5, 0.75, 2] }),
    "x.nii",
  );
  const expected = [0, -0.75, 0, 10.5, 0.5, 0, 0, -20.25, 0, 0, 2, 300, 0, 0, 0, 1];
  read.affine.forEach((v, i) =>
    assert.ok(Math.abs(v - expected[i]!) < 1e-6, `affine[${i}] is ${v}, not ${expected[i]}`),
  );
  const flipped = parseNifti(
    file(false, { ...oblique, sformCode: 0, quaternion: [0, 0, h], pixdim: [-1, 0.5, 0.75, 2] }),
    "x.nii",
  );
  assert.ok(Math.abs(flipped.affine[10]! + 2) < 1e-6, "qfac −1 turns z round");
});

test("metres and micrometres become millimetres", () => {
  assert.equal(parseNifti(file(false, { ...oblique, xyztUnits: 3 }), "x.nii").affine[3], 12 * 0.001);
  assert.equal(parseNifti(file(false, { ...oblique, xyztUnits: 1 }), "x.nii").affine[3], 12000);
});

test("scl_slope and scl_inter are applied", () => {
  const read = parseNifti(
    patched((v) => {
      v.setFloat32(112, 0.5, true);
      v.setFloat32(116, -3, true);
    }),
    "x.nii",
  );
  assert.instance(read.data, Float32Array);
  assert.equal(
    Array.from(read.data),
    Array.from(voxels, (x) => x * 0.5 - 3),
  );
});

test("big-endian files are read", () => {
  const bytes = file();
  const view = new DataView(bytes.buffer);
  const swap = (at: number, width: number): void => void bytes.subarray(at, at + width).reverse();
  swap(0, 4);
  for (const at of [...Array(8).keys()].map((i) => 40 + 2 * i).concat([70, 72, 252, 254])) swap(at, 2);
  for (let at = 76; at < 120; at += 4) swap(at, 4);
  for (let at = 256; at < 328; at += 4) swap(at, 4);
  for (let at = 352; at < bytes.length; at += 2) swap(at, 2);
  assert.is(view.getInt32(0, false), 348);
  const read = parseNifti(bytes, "x.nii");
  assert.equal(read.data, voxels);
  assert.equal(read.geometry, oblique);
});

test("64-bit integer voxels become float64", () => {
  const bytes = new Uint8Array(352 + 8 * 60);
  bytes.set(file().subarray(0, 352));
  const view = new DataView(bytes.buffer);
  view.setInt16(70, 1024, true);
  voxels.forEach((v, i) => view.setBigInt64(352 + 8 * i, BigInt(v), true));
  assert.equal(Array.from(parseNifti(bytes, "x.nii").data), Array.from(voxels));
});

test("NaN and infinite voxels stay what they are, with a warning", () => {
  const data = Float32Array.from({ length: 60 }, (_, i) => i + 5);
  data[7] = NaN;
  data[8] = Infinity;
  const read = parseNifti(writeNifti(data, volume), "x.nii.gz");
  assert.ok(data.every((v, i) => Object.is(read.data[i], v)));
  assert.match(read.warnings[0]!, /2 voxels are NaN or infinite: they are taken for background/);
  assert.throws(() => parseNifti(writeNifti(data.fill(NaN), volume), "x.nii.gz"), /no voxel is finite/);
});

test("an extension that lies about its size is not followed", () => {
  const bytes = new Uint8Array(384 + 120);
  bytes.set(file().subarray(0, 348));
  bytes.set(new Uint8Array(voxels.buffer), 384);
  const view = new DataView(bytes.buffer);
  view.setFloat32(108, 384, true);
  bytes[348] = 1;
  view.setInt32(352, -16, true);
  assert.equal(parseNifti(bytes, "x.nii").data, voxels);
});

test("a header alone is enough to peek at a gzipped file", () => {
  const long = writeNifti(
    new Int16Array(64 * 64 * 40).map((_, i) => (i * 7919) % 3000),
    makeVolume("l", new Int16Array(64 * 64 * 40), [64, 64, 40], [1, 1, 1]),
  );
  const header = peekNifti(long.subarray(0, 4096), "x.nii.gz");
  assert.equal(header.shape, [64, 64, 40]);
  assert.is(header.type.name, "int16");
});

test("each field that cannot be true is refused by name", () => {
  refuses(new Uint8Array(0), "file", /is empty/);
  refuses(file().subarray(0, 200), "header", /200 bytes/);
  refuses(file().subarray(0, 400), "data", /expected 120 data bytes at 352, the file has 48/);
  refuses(
    patched((v) => v.setInt32(0, 12345, true)),
    "sizeof_hdr",
    /12345/,
  );
  refuses(
    patched((v) => v.setUint8(345, 0x69)),
    "magic",
    /pair/,
  );
  refuses(
    patched((v) => v.setUint8(344, 0)),
    "magic",
    /n\+1/,
  );
  refuses(
    patched((v) => v.setInt16(40, 9, true)),
    "dim[0]",
    /9/,
  );
  refuses(
    patched((v) => v.setInt16(42, -4, true)),
    "dim[1]",
    /-4/,
  );
  refuses(
    patched((v) => {
      v.setInt16(40, 4, true);
      v.setInt16(48, 2, true);
    }),
    "dim[4]",
    /2 frames.*extract one/,
  );
  refuses(
    patched((v) => [42, 44, 46].forEach((at) => v.setInt16(at, 32767, true))),
    "dim",
    /would fill/,
  );
  refuses(
    patched((v) => v.setInt16(70, 128, true)),
    "datatype",
    /RGB colour/,
  );
  refuses(
    patched((v) => v.setInt16(70, 32, true)),
    "datatype",
    /complex64/,
  );
  refuses(
    patched((v) => v.setFloat32(108, 100, true)),
    "vox_offset",
    /100/,
  );
  refuses(
    patched((v) => v.setFloat32(108, NaN, true)),
    "vox_offset",
    /NaN/,
  );
  refuses(
    patched((v) => v.setFloat32(112, Infinity, true)),
    "scl_slope",
    /Infinity/,
  );
  refuses(
    patched((v) => {
      v.setFloat32(80, 0, true);
      v.setInt16(254, 0, true); // no s-form
    }),
    "pixdim[1]",
    /0 is no voxel size/,
  );
  refuses(
    patched((v) => v.setFloat32(280, NaN, true)),
    "srow",
    /not finite/,
  );
});

test("a damaged, cut or lying gzip stream is refused", () => {
  const good = file(true);
  const flipped = good.slice();
  flipped[good.length - 6]! ^= 1;
  refuses(flipped, "gzip checksum", /does not fit/);
  refuses(good.subarray(0, good.length - 30), "gzip stream", /damaged or cut/);
  // 32,767 × 32,767 voxels claimed by a small file: refused by what deflate can do, before memory is made.
  const liar = gzipSync(
    patched((v) => [42, 44].forEach((at) => v.setInt16(at, 14000, true))),
    { mtime: 0 },
  );
  refuses(liar, "dim", /cannot hold/);
  const runsOn = new Uint8Array(4 << 20);
  runsOn.set(file());
  refuses(gzipSync(runsOn, { mtime: 0 }), "gzip content", /runs on/);
});

test("concatenated gzip members are one file", () => {
  const whole = file();
  const first = gzipSync(whole.subarray(0, 380), { mtime: 0 });
  const second = gzipSync(whole.subarray(380), { mtime: 0 });
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  assert.equal(parseNifti(joined, "x.nii.gz").data, voxels);
});

test("the CRC of nine digits is the published one", () =>
  assert.is(crc32(new TextEncoder().encode("123456789")), 0xcbf43926));

test("2,000 seeded mutations of header and stream end in a volume or a DataError, soon", () => {
  const plain = file();
  const packed = file(true);
  const start = performance.now();
  let refused = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = (i % 2 ? packed : plain).slice();
    for (let k = 0; k <= i % 3; k++)
      bytes[Math.floor(uniform(i, 2 * k) * Math.min(bytes.length, 352))] = Math.floor(uniform(i, 2 * k + 1) * 256);
    try {
      parseNifti(i % 7 ? bytes : bytes.subarray(0, Math.floor(uniform(i, 9) * bytes.length)), "x.nii");
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      refused++;
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
  assert.ok(performance.now() - start < 8000);
});

test.run();
