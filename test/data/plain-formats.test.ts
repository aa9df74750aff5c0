// NRRD, NumPy and PNG: types, orders, encodings, places, and what is refused.
import { encode } from "fast-png";
import { gzipSync, zlibSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import type { ImageFile } from "../../data/formats/format.ts";
import { readFolder, readFolderHeader, readImage, readImageHeader } from "../../data/formats/index.ts";
import { big, counted, file, joined, little, metaHead, nrrdHead, placed, refused, text } from "./plain-files.ts";

const test = suite("plain formats");

test("NRRD: raw, gzip and text, either byte order, in one file or two, hold the same voxels", async () => {
  const ascii = text([...counted].join(" "));
  const bigPlaced = placed.replace("little", "big");
  const files = [
    file(joined(text(nrrdHead(placed)), little), "a.nrrd"),
    file(joined(text(nrrdHead(bigPlaced)), big), "b.nrrd"),
    file(joined(text(nrrdHead(placed, "gzip")), gzipSync(little)), "c.nrrd"),
    file(joined(text(nrrdHead(placed, "ascii")), ascii), "d.nrrd"),
    file(text(nrrdHead(`${placed}data file: e.raw\n`)), "e.nhdr", { "e.raw": little }),
    file(text(nrrdHead(`${placed}data file: e.gz\nbyte skip: 4\n`, "gz")), "f.nhdr", {
      "e.gz": gzipSync(joined(text("abcd"), little)),
    }),
    file(text(nrrdHead(`${placed}data file: e.raw\nline skip: 1\nbyte skip: 2\n`)), "g.nhdr", {
      "e.raw": joined(text("x\nab"), little),
    }),
    file(text(nrrdHead(`${placed}data file: e.raw\nbyte skip: -1\n`)), "h.nhdr", {
      "e.raw": joined(text("head"), little),
    }),
  ];
  for (const one of files) {
    const { data, affine, shape, spacingMm, warnings, oriented } = await readImage(one);
    assert.equal(data, counted, one.name);
    assert.equal(shape, [2, 3, 4]);
    assert.equal(spacingMm, [0.5, 0.75, 2]);
    assert.equal(affine, [-0.5, 0, 0, 10, 0, -0.75, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1]);
    assert.equal([warnings, oriented], [[], true]);
    assert.equal((await readImageHeader(one)).affine, affine);
  }
});

test("NRRD: RAS stays, LAS is turned, spacings alone have no place; other spaces are refused", async () => {
  const affineOf = async (more: string): Promise<readonly number[]> =>
    (await readImage(file(joined(text(nrrdHead(more)), little), "x.nrrd"))).affine;
  const directions = "endian: little\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (1,2,3)\n";
  assert.equal((await affineOf(`${directions}space: RAS\n`)).slice(0, 12), [1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3]);
  assert.equal((await affineOf(`${directions}space: left-anterior-superior\n`)).slice(0, 4), [-1, 0, 0, -1]);
  const plain = await readImage(file(joined(text(nrrdHead("endian: little\nspacings: 1 2 3\n")), little), "x.nrrd"));
  assert.equal([plain.oriented, plain.spacingMm], [false, [1, 2, 3]]);
  await refused(affineOf(`${directions}space: scanner-xyz\n`), /space: scanner-xyz: not one of RAS, LAS, LPS/);
  await refused(affineOf("endian: little\n"), /space directions: is missing, and spacings too/);
});

test("NRRD: headers that lie are refused with their field, before memory is made", async () => {
  const bad = (head: string, message: RegExp, data = little): Promise<void> =>
    refused(readImage(file(joined(text(head), data), "x.nrrd")), message);
  const good = nrrdHead(placed);
  await bad(good.replace("2 3 4", "2000 3000 40"), /x\.nrrd: data: expected 480000000 bytes, the file has 48/);
  await bad(good.replace("2 3 4", "100000 100000 4"), /sizes: .* would fill 80000000000 bytes/);
  await bad(
    nrrdHead(placed, "gzip").replace("2 3 4", "2000 3000 40"),
    /sizes: 480000000 bytes are more than \d+ of gzip/,
    gzipSync(little),
  );
  await bad(
    nrrdHead(placed, "ascii").replace("2 3 4", "2000 3000 40"),
    /data: 48 characters hold no 240000000 numbers/,
    new Uint8Array(48).fill(49),
  );
  await bad(good.replace("dimension: 3", "dimension: 4"), /sizes: 2 3 4 are not the 4 of dimension/);
  await bad(good.replace("short", "block"), /type: block is not one plain number/);
  await bad(good.replace("raw", "bzip2"), /encoding: bzip2 is not read/);
  await bad(good.replace("endian: little\n", ""), /endian: is missing/);
  await bad(good.replace("(0,0,2)", "(0,0.75,0)"), /directions: are no three directions/);
  await bad(good.replace("type: short", "type: short\ntype: float"), /type: is there twice/);
  await bad(good.replace(" (0,0,2)", ""), /space directions: \(0\.5,0,0\) \(0,0\.75,0\) are not the 3 of dimension/);
  await bad(good.replace("(0,0,2)", "none"), /space directions: .* none: an axis of the volume has none/);
  await bad(nrrdHead("endian: little\nspacings: 1 2\n"), /spacings: 1 2 are not the 3 of dimension/);
  await bad(nrrdHead(`${placed}data file: ../x.raw\n`), /data file: .* is not there/);
});

const sidecar = { "image.json": text('{ "spacingMm": [0.5, 0.75, 2] }') };
function npyBytes(descr: string, shape: string, data: Uint8Array, fortran = false): Uint8Array<ArrayBuffer> {
  const head =
    `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': ${shape}, }`.padEnd(117, " ") +
    "\n";
  return joined(
    Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length & 255, head.length >> 8),
    text(head),
    data,
  );
}

test("NumPy: C and Fortran order, either byte order, axes of one left out, every plain type", async () => {
  const read = (bytes: Uint8Array<ArrayBuffer>) => readImage(file(bytes, "x.npy", sidecar));
  const c = await read(npyBytes("<i2", "(4, 3, 2)", little));
  assert.equal([c.data, c.shape, c.spacingMm, c.oriented], [counted, [2, 3, 4], [0.5, 0.75, 2], false]);
  assert.equal((await read(npyBytes(">i2", "(4, 1, 3, 2)", big))).data, counted);
  const fortran = new Int16Array(24);
  for (let z = 0; z < 4; z++)
    for (let y = 0; y < 3; y++)
      for (let x = 0; x < 2; x++) fortran[z + 4 * (y + 3 * x)] = counted[x + 2 * (y + 3 * z)]!;
  assert.equal((await read(npyBytes("<i2", "(4, 3, 2)", new Uint8Array(fortran.buffer), true))).data, counted);
  const types = {
    "|u1": Uint8Array,
    "|b1": Uint8Array,
    "<u2": Uint16Array,
    "<i4": Int32Array,
    "<f4": Float32Array,
    "<f8": Float64Array,
  };
  for (const [descr, Type] of Object.entries(types)) {
    const data = Type.from([1, 0, 1, 1]);
    const read1 = await read(npyBytes(descr, "(2, 2)", new Uint8Array(data.buffer)));
    assert.equal([...read1.data], [1, 0, 1, 1], descr);
    assert.equal(read1.shape, [2, 2, 1]);
  }
  const wide = await read(npyBytes("<i8", "(2, 1)", new Uint8Array(BigInt64Array.of(-3n, 7n).buffer)));
  assert.equal([...wide.data], [-3, 7]);
});

test("NumPy: what tells no voxel size asks for it; headers that lie are refused", async () => {
  const good = npyBytes("<i2", "(4, 3, 2)", little);
  await refused(
    readImage(file(good, "x.npy")),
    /x\.npy: spacing: the format tells no voxel size; write it in mm .* to image\.json/,
  );
  const bad = (bytes: Uint8Array<ArrayBuffer>, message: RegExp): Promise<void> =>
    refused(readImage(file(bytes, "x.npy", sidecar)), message);
  await bad(npyBytes("<i2", "(4000, 3000, 20)", little), /data: expected 480000000 bytes, the file has 48/);
  await bad(npyBytes("<i2", "(400000, 300000, 2)", little), /shape: .* would fill/);
  await bad(npyBytes("<i2", "(2, 2, 3, 2)", little), /shape: \(2, 2, 3, 2\) is not slices, rows, columns/);
  for (const shape of ["(4, 6, 1)", "(1, 4, 6, 1)", "(4, 3, 2, 1)"])
    await bad(npyBytes("<i2", shape, little), /shape: \([\d, ]+\) ends in an axis of one: .* save array\[\.\.\., 0\]/);
  await bad(npyBytes("<c8", "(4, 3, 2)", little), /descr: <c8 is not one plain number/);
  await bad(npyBytes("|O", "(4, 3, 2)", little), /descr: \|O is not one plain number/);
  const scaled = await readImage(
    file(good, "x.npy", { "image.json": text('{"spacingMm":[1,1,1],"slope":2,"intercept":-1}') }),
  );
  assert.equal([scaled.data[0], scaled.data[1]], [-1401, -1201]);
  for (const [json, message] of [
    ["{", /image\.json beside x\.npy: file: is no JSON/],
    ["{}", /spacingMm: missing is not three sizes/],
    ['{"spacingMm":[1,0,1]}', /spacingMm: \[1,0,1\] is not three sizes/],
    ['{"spacingMm":[1,1,1],"slope":"2"}', /slope: is no number/],
  ] as const)
    await refused(readImage(file(good, "x.npy", { "image.json": text(json) })), message);
});

const pngFile = (name: string, data: Uint8Array | Uint16Array, width = 2, height = 2): ImageFile =>
  file(
    new Uint8Array(encode({ width, height, data, depth: data instanceof Uint16Array ? 16 : 8, channels: 1 })),
    name,
    sidecar,
  );

test("PNG: a folder is one image, its slices in natural order, of 8 or 16 bits", async () => {
  const eight = await readFolder(
    [10, 2, 1].map((n) => pngFile(`s${n}.png`, new Uint8Array(4).fill(n))),
    "stack",
  );
  assert.equal(
    [...eight.data].filter((_, i) => i % 4 === 0),
    [1, 2, 10],
  );
  assert.equal([eight.shape, eight.spacingMm, eight.oriented], [[2, 2, 3], [0.5, 0.75, 2], false]);
  const sixteen = await readImage(pngFile("s.png", Uint16Array.of(1, 256, 65535, 4096)));
  assert.equal([...sixteen.data], [1, 256, 65535, 4096]);
});

test("PNG: grey of 1, 2 and 4 bits has its stored values", async () => {
  for (const depth of [1, 2, 4]) {
    const wanted = Array.from({ length: 10 }, (_, i) => (7 * i + 3) % 2 ** depth);
    const rows = [wanted.slice(0, 5), wanted.slice(5)];
    const bits = rows.map((row) =>
      row
        .map((v) => v.toString(2).padStart(depth, "0"))
        .join("")
        .padEnd(24, "0"),
    );
    const stride = Math.ceil((5 * depth) / 8);
    const data = Uint8Array.from(
      bits.flatMap((row) => Array.from({ length: stride }, (_, i) => Number.parseInt(row.slice(8 * i, 8 * i + 8), 2))),
    );
    const grey = new Uint8Array(encode({ width: 5, height: 2, data, depth: depth as 1 | 2 | 4, channels: 1 }));
    const read = await readImage(file(grey, "g.png", sidecar));
    assert.equal([[...read.data], read.shape], [wanted, [5, 2, 1]], `${depth} bits`);
  }
});

test("PNG: slices of several folders are no image", async () => {
  const slices = ["a/2.png", "a/10.png", "b/1.png"].map((name) => pngFile(name, new Uint8Array(4)));
  const message = /set: folder: holds slices in several folders: a\/2\.png and b\/1\.png; name the folder of one/;
  await refused(readFolder(slices, "set"), message);
  await refused(readFolderHeader(slices, "set"), message);
});

test("PNG: mixed slices, colour and damaged files are refused; bombs are not inflated", async () => {
  await refused(
    readFolder([pngFile("a.png", new Uint8Array(4)), pngFile("b.png", new Uint8Array(6), 3)], "stack"),
    /b\.png: IHDR: 3 × 2 pixels, not the 2 × 2 of a\.png/,
  );
  await refused(
    readFolder([pngFile("a.png", new Uint8Array(4)), pngFile("b.png", new Uint16Array(4))], "stack"),
    /b\.png: IHDR: has other bits/,
  );
  const rgb = new Uint8Array(encode({ width: 1, height: 1, data: new Uint8Array(3), channels: 3 }));
  await refused(readImage(file(rgb, "c.png", sidecar)), /c\.png: IHDR: colour or transparency/);
  const good = new Uint8Array(await pngFile("d.png", Uint8Array.of(1, 2, 3, 4)).bytes());
  await refused(readImage(file(good.slice(0, -12), "d.png", sidecar)), /IEND: is missing: the file is cut/);
  const wide = new Uint8Array(good);
  wide.set([0, 0, 200], 17);
  await refused(readImage(file(wide, "d.png", sidecar)), /IDAT: 200 × 2 pixels need 402 bytes, there are 6/);
});

test("PNG: slices that together are more than one volume may be are refused by their headers", async () => {
  const slices = await Promise.all(
    [1, 2, 3].map(async (n) => {
      const bytes = new Uint8Array(await pngFile(`${n}.png`, new Uint8Array(4)).bytes());
      new DataView(bytes.buffer).setUint32(16, 30000);
      new DataView(bytes.buffer).setUint32(20, 30000);
      return file(bytes, `${n}.png`, sidecar);
    }),
  );
  const message = /stack: IHDR: 30000 × 30000 × 3 would fill 2700000000 bytes, more than 2147483648; crop/;
  await refused(readFolderHeader(slices, "stack"), message);
  await refused(readFolder(slices, "stack"), message);
});

test("a folder of nothing, and of two formats, is refused", async () => {
  await refused(readFolder([file(text("x"), "notes.txt")], "f"), /f: folder: holds no PNG or DICOM slices/);
});

test("2,000 seeded changes of small files end in a volume or a DataError", async () => {
  let state = 9;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const originals: [string, Uint8Array][] = [
    ["x.nrrd", joined(text(nrrdHead(placed)), little)],
    ["x.nrrd", joined(text(nrrdHead(placed, "gzip")), gzipSync(little))],
    ["x.mha", joined(text(metaHead("CompressedData = True\n")), zlibSync(little))],
    ["x.npy", npyBytes("<i2", "(4, 3, 2)", little)],
    ["x.png", await pngFile("x.png", new Uint8Array(4)).bytes()],
  ];
  for (let i = 0; i < 2000; i++) {
    const [name, original] = originals[i % originals.length]!;
    const bytes = new Uint8Array(original);
    for (let k = next(3); k >= 0; k--) bytes[next(bytes.length)] = next(256);
    const cut = next(10) === 0 ? bytes.slice(0, next(bytes.length)) : bytes;
    try {
      await readImage(file(cut, name, sidecar));
    } catch (error) {
      assert.instance(error, DataError, `change ${i} of ${name}: ${String(error)}`);
    }
  }
});

test("what every object has by itself is no type, encoding or space of a format", async () => {
  const meta = (type: string): string =>
    `NDims = 3\nDimSize = 2 3 4\nElementSpacing = 1 1 1\nElementType = ${type}\nElementDataFile = LOCAL\n`;
  for (const word of ["constructor", "toString", "__proto__", "hasOwnProperty"]) {
    const typed = nrrdHead(placed).replace("type: short", `type: ${word}`);
    const spaced = nrrdHead(placed.replace("left-posterior-superior", word));
    await refused(readImage(file(joined(text(meta(word)), little), "a.mha")), /ElementType/);
    await refused(readImage(file(joined(text(typed), little), "a.nrrd")), /: type: /);
    await refused(readImage(file(joined(text(nrrdHead(placed, word)), little), "a.nrrd")), /: encoding: /);
    await refused(readImage(file(joined(text(spaced), little), "a.nrrd")), /: space/);
  }
});

test.run();
