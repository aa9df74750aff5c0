// Largest parts and holes, held against scipy 1.10.1 (numpy 1.24.2): ndimage.label with a structure of ones, the
// largest parts by a stable sort, and binary_fill_holes of each axial slice, each structure by itself, of the same
// masks made by formula.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { componentsOf, fillHoles, keepLargest } from "../../data/components.ts";

const test = suite("components");
const shape = [37, 29, 11] as const;
const n = 37 * 29 * 11;

/** A number below 100 of each voxel: shifts and products of 32 bits. */
function noise(i: number): number {
  let x = (i + 1) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return ((x ^ (x >>> 16)) >>> 0) % 100;
}
/** Class 1 below `first`, class 2 from there to `second`. */
const made = (first: number, second: number): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => {
    const v = noise(i);
    if (v < first) return 1;
    return v < second ? 2 : 0;
  });
const masks = { sparse: made(6, 12), dense: made(45, 75), one: made(62, 62) };

/** FNV-1a of the voxels in storage order, 32 bits. */
const fnv = (mask: Uint8Array): number => mask.reduce((h, v) => Math.imul(h ^ v, 0x01000193), 0x811c9dc5) >>> 0;

/** By scipy: what the mask is, its parts of each class, the mask of the largest one and three, and the filled one. */
const expected = {
  sparse: { mask: 2622188645, parts: [323, 305], largest: [1515119541, 3125272895], filled: 2622188645 },
  dense: { mask: 2789538999, parts: [2, 4], largest: [2919978532, 4090836473], filled: 2533414319 },
  one: { mask: 612681687, parts: [1, 0], largest: [612681687, 612681687], filled: 1981311800 },
};

for (const name of ["sparse", "dense", "one"] as const)
  test(`${name}: parts, largest parts and filled holes are scipy's`, () => {
    const mask = masks[name];
    const { mask: hash, parts, largest, filled } = expected[name];
    assert.is(fnv(mask), hash, "the formula");
    const { sizes } = componentsOf(mask, shape);
    assert.equal(
      [1, 2].map((k) => sizes.filter((s) => s.structure === k).length),
      parts,
    );
    assert.equal([fnv(keepLargest(mask, shape, 1)), fnv(keepLargest(mask, shape, 3))], largest);
    assert.is(fnv(fillHoles(mask, shape)), filled);
  });

test("parts that touch by a corner are one; a hole that opens to a corner alone is one", () => {
  const corner = Uint8Array.from([1, 0, 0, 1, 0, 0, 0, 0, 0]);
  assert.is(componentsOf(corner, [3, 3, 1]).sizes.length, 1);
  const ring = Uint8Array.from([1, 1, 0, 1, 0, 1, 1, 1, 1]);
  assert.equal([...fillHoles(ring, [3, 3, 1])], [1, 1, 0, 1, 1, 1, 1, 1, 1]);
  const open = Uint8Array.from([1, 0, 1, 1, 0, 1, 1, 1, 1]);
  assert.equal(fillHoles(open, [3, 3, 1]), open);
});

test("what another structure fills stays", () => {
  const nested = Uint8Array.from([1, 1, 1, 1, 1, 2, 0, 1, 1, 1, 1, 1]);
  assert.equal([...fillHoles(nested, [4, 3, 1])], [1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1]);
});

test("no part at all is asked for", () => {
  for (const count of [0, 1.5, NaN]) assert.throws(() => keepLargest(masks.one, shape, count), /give 1 or more/);
});

test.run();
