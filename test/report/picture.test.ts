import { decode } from "fast-png";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { epochPicture, montage } from "../../report/montage.ts";
import { type Colour, Picture, colours } from "../../report/picture.ts";

const test = suite("report");
const at = (p: Picture, x: number, y: number): number[] => [
  ...p.data.subarray(4 * (y * p.width + x), 4 * (y * p.width + x) + 3),
];
const count = (p: Picture, colour: Colour): number => {
  let n = 0;
  for (let i = 0; i < p.data.length; i += 4) if (colour.every((c, k) => p.data[i + k] === c)) n++;
  return n;
};

test("grey runs from −1 black to 1 white, enlarged by whole pixels; NaN is seen", () => {
  const p = new Picture(6, 6);
  p.grey([-1, 0, 1, NaN], 2, 2, 1, 1, 2);
  assert.equal(
    [at(p, 1, 1), at(p, 3, 2), at(p, 2, 4), at(p, 4, 4)],
    [[0, 0, 0], [128, 128, 128], [255, 255, 255], [...colours.violet]],
  );
  assert.equal(at(p, 0, 0), [0, 0, 0]);
});

test("two equal contours are both seen, one inside and one outside the border", () => {
  const size = 8;
  const mask = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 >= 2 && i % 8 < 6 && i >= 16 && i < 48 ? 1 : 0));
  const p = new Picture(24, 24);
  p.contour(mask, size, size, 0, 0, 3, colours.expert, "inside");
  p.contour(mask, size, size, 0, 0, 3, colours.algorithm, "outside");
  assert.is(count(p, colours.expert), 4 * 12 - 4);
  assert.is(count(p, colours.algorithm), 4 * 12);
  assert.equal(at(p, 6, 6), [...colours.expert]);
  assert.equal(at(p, 5, 6), [...colours.algorithm]);
  assert.equal(at(p, 12, 12), [0, 0, 0]);
});

test("a mask that fills the image has its contour at the edge", () => {
  const p = new Picture(4, 4);
  p.contour(new Uint8Array(16).fill(1), 4, 4, 0, 0, 1, colours.expert, "inside");
  assert.is(count(p, colours.expert), 12);
});

test("a mask's inside is tinted over the image, and a hole in it is not", () => {
  const p = new Picture(4, 4, [100, 100, 100]);
  p.tint(
    Uint8Array.from({ length: 16 }, (_, i) => (i === 5 ? 0 : 1)),
    4,
    4,
    0,
    0,
    1,
    [200, 0, 100],
    0.25,
  );
  assert.equal(at(p, 0, 0), [125, 75, 100]);
  assert.equal(at(p, 1, 1), [100, 100, 100]);
});

test("a PNG decodes to the picture", () => {
  const p = new Picture(5, 3, [1, 2, 3]);
  p.set(4, 2, [200, 100, 50]);
  p.set(9, 9, [1, 1, 1]); // outside: nothing
  const png = decode(p.png());
  assert.equal([png.width, png.height, png.channels], [5, 3, 3]);
  assert.equal([...png.data.subarray(0, 3)], [1, 2, 3]);
  assert.equal([...png.data.subarray(42, 45)], [200, 100, 50]);
});

/** The tiles of a montage, as they stand in its SVG. */
function tilesOf(svg: string): Picture {
  const [, base64 = ""] = /href="data:image\/png;base64,([^"]+)"/.exec(svg)!;
  const { width, height, data } = decode(Buffer.from(base64, "base64"));
  const picture = new Picture(width, height);
  for (let i = 0; i < width * height; i++) picture.data.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
  return picture;
}
/** Its texts, in order. */
const textsOf = (svg: string): string[] =>
  [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, text = ""]) => text.replace(/<[^>]*>/g, " ").trim());

test("a montage places tiles with gaps of one pixel under their labels", () => {
  const white = new Float32Array(16).fill(1);
  const svg = montage([[{ values: white }, { values: white, note: "a < b" }], [{ values: white }]], {
    size: 4,
    labels: ["a", "b"],
    scale: 2,
  });
  const p = tilesOf(svg);
  assert.equal([p.width, p.height], [2 * 9 + 1, 2 * 9 + 1]);
  assert.match(svg, /<svg [^>]*viewBox="0 0 19 43"/);
  assert.equal(at(p, 1, 1), [255, 255, 255]);
  assert.equal(at(p, 9, 1), [...colours.dark]);
  assert.equal(at(p, 10, 1), [255, 255, 255]);
  assert.equal(at(p, 10, 10), [...colours.dark]);
  assert.equal(textsOf(svg), ["", "", "a", "b", "a &lt; b"]);
  assert.throws(() => montage([[{ values: [1, 2] }]], { size: 4 }), /2 values/);
});

test("the picture of an epoch has four columns and both contours in the last", () => {
  const size = 16;
  const image = new Float32Array(256);
  const mask = Uint8Array.from({ length: 256 }, (_, i) => (i % 16 > 4 && i % 16 < 11 && i > 80 && i < 176 ? 1 : 0));
  const rows = [0, 1].map(() => ({
    ct: image,
    pseudoMr: image,
    cycledCt: image,
    prediction: mask,
    expert: mask,
    note: "case 1",
    score: "Dice 1.00",
  }));
  const svg = epochPicture(rows, size, "epoch 3");
  const labels = ["image", "pseudo", "cycled", "segmentation"];
  const notes = ["case 1", "Dice 1.00", "case 1", "Dice 1.00"];
  assert.equal(textsOf(svg), ["epoch 3", "expert  algorithm", ...labels, ...notes]);
  const p = tilesOf(svg);
  assert.is(p.width, 4 * (192 + 1) + 1);
  assert.ok(count(p, colours.expert) > 200 && count(p, colours.algorithm) > 200);
  const taught = rows.map((row) => ({ ...row, teacher: mask, realMr: { image, expert: mask } }));
  const untranslated = rows.map(({ pseudoMr: _, cycledCt: __, ...row }) => row);
  assert.is(tilesOf(epochPicture(untranslated, size, "CT only")).width, 2 * (192 + 1) + 1, "no column of nothing");
  const more = tilesOf(epochPicture(taught, size, "epoch 3"));
  assert.is(more.width, 5 * (192 + 1) + 1, "a column of real MR");
  assert.ok(count(more, colours.algorithm) > 1.5 * count(p, colours.algorithm), "the teacher's mask on the pseudo MR");
});

test.run();
