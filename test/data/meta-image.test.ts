// MetaImage: types, orders, encodings, places, scaled values, and what is refused.
import { zlibSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readImage, readImageHeader } from "../../data/formats/index.ts";
import { big, counted, file, joined, little, metaHead, refused, text } from "./plain-files.ts";

const test = suite("MetaImage");

test("MetaImage: raw, zlib and text, either byte order, in one file or two; a direction is a row of the matrix", async () => {
  const files = [
    file(joined(text(metaHead()), little), "a.mha"),
    file(joined(text(metaHead("BinaryDataByteOrderMSB = True\n")), big), "b.mha"),
    file(joined(text(metaHead("CompressedData = True\n")), zlibSync(little)), "c.mha"),
    file(
      joined(text(metaHead().replace("BinaryData = True", "BinaryData = False")), text([...counted].join("\n"))),
      "d.mha",
    ),
    file(text(metaHead("", "e.raw")), "e.mhd", { "e.raw": little }),
    file(text(metaHead("CompressedData = True\n", "e.zraw")), "f.mhd", { "e.zraw": zlibSync(little) }),
    file(text(metaHead("HeaderSize = -1\n", "e.raw")), "g.mhd", { "e.raw": joined(text("head"), little) }),
  ];
  for (const one of files) {
    const { data, affine, spacingMm } = await readImage(one);
    assert.equal(data, counted, one.name);
    assert.equal(affine, [0, -0.75, 0, 10, -0.5, 0, 0, 20, 0, 0, 2, 30, 0, 0, 0, 1]);
    assert.equal(spacingMm, [0.5, 0.75, 2]);
  }
});

test("MetaImage: a slope and an offset are applied, and said, for other readers do not", async () => {
  const scaling = "ElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -1000\n";
  const image = file(joined(text(metaHead(scaling)), little), "x.mha");
  const { data, warnings } = await readImage(image);
  assert.equal(
    data,
    Float32Array.from(counted, (v) => 2 * v - 1000),
  );
  assert.match(warnings.join(), /^x\.mha: values are stored · 2 \+ -1000, as ElementToIntensityFunctionSlope/);
  assert.equal((await readImageHeader(image)).warnings, warnings);
  const none = "ElementToIntensityFunctionSlope = 1\nElementToIntensityFunctionOffset = 0\n";
  const plain = await readImage(file(joined(text(metaHead(none)), little), "x.mha"));
  assert.equal([plain.data, plain.warnings], [counted, []]);
});

test("MetaImage: MET_LONG has four bytes; data of eight are refused, for nothing says which was meant", async () => {
  const long = Int32Array.from(counted, (v) => 1000 * v);
  const bytes = new Uint8Array(long.buffer);
  for (const [type, more, data] of [
    ["MET_LONG", "", bytes],
    ["MET_LONG", "CompressedData = True\n", zlibSync(bytes)],
    ["MET_LONG", "HeaderSize = -1\n", bytes],
  ] as const) {
    const head = metaHead(more).replace("MET_SHORT", type);
    assert.equal((await readImage(file(joined(text(head), data), "x.mha"))).data, long, more);
    const eight = joined(bytes, bytes);
    const twice = joined(text(head), more.startsWith("Comp") ? zlibSync(eight) : eight);
    await refused(
      readImage(file(twice, "x.mha")),
      /ElementType: MET_LONG has 4 bytes a voxel, the data have 8.*MET_LONG_LONG/,
    );
  }
  const unsigned = joined(text(metaHead().replace("MET_SHORT", "MET_ULONG")), bytes);
  assert.equal((await readImage(file(unsigned, "x.mha"))).data, new Uint32Array(long.buffer));
});

test("MetaImage: headers that lie are refused with their field", async () => {
  const bad = (head: string, message: RegExp, data = little): Promise<void> =>
    refused(readImage(file(joined(text(head), data), "x.mha")), message);
  await bad(metaHead().replace("2 3 4", "2000 3000 40"), /x\.mha: data: expected 480000000 bytes, the file has 48/);
  await bad(
    metaHead("CompressedData = True\n").replace("2 3 4", "20 30 40"),
    /expected 48000 bytes, the deflate stream holds 48/,
    zlibSync(little),
  );
  await bad(metaHead("ElementNumberOfChannels = 3\n"), /ElementNumberOfChannels: 3: one value a voxel/);
  await bad(metaHead().replace("MET_SHORT", "MET_OTHER"), /ElementType: MET_OTHER is not one plain number/);
  await bad(metaHead("ElementToIntensityFunctionSlope = 0\n"), /ElementToIntensityFunctionSlope: is 0/);
  await bad(metaHead("ElementToIntensityFunctionSlope = x\n"), /ElementToIntensityFunctionSlope: x is not 1 numbers/);
  await bad(metaHead("", "slice%03d.raw"), /ElementDataFile: slice%03d\.raw names several files/);
  await bad(metaHead("", "gone.raw"), /ElementDataFile: gone\.raw is not there/);
  await bad(metaHead("", "LOCAL", "0 1 1"), /spacing: 0 is no voxel size of axis 1/);
  await bad(metaHead().replace("ElementDataFile = LOCAL\n", ""), /ElementDataFile: is missing/);
});

test.run();
