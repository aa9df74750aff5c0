// A mask as it is corrected: what a brush reaches, what fill and remove take, undo, and which slices were changed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MaskEdit } from "../../web/edit/mask-edit.ts";
import { type Brush, eachUnderBrush, partOfStructure, regionOnSlice } from "../../web/edit/regions.ts";
import { contoursOf, tintPixels } from "../../web/view/draw.ts";
import { PLANES, layoutOf, onSlice, planeOf, sizeOfPlane, voxelUnder } from "../../web/view/planes.ts";
import { cpuMsOf } from "../helpers/cpu-time.ts";

const test = suite("editing");

const shape = [20, 16, 8] as const;
const spacingMm = [1, 2, 5] as const;
const count = 20 * 16 * 8;
const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((v, i) => v === b[i]);

test("a brush draws a disc in mm on each plane, and the line between two points without a gap", () => {
  for (const plane of PLANES) {
    const layout = layoutOf(plane, shape);
    const { pixelMm, sliceMm, width, height } = sizeOfPlane(plane, shape, spacingMm);
    const [from, to] = [
      [2.3, 1.6],
      [width - 3.2, height - 2.1],
    ] as const;
    const slice = layout.count >> 1;
    const data = new Uint8Array(count);
    const paint: Brush = { radiusMm: 4, pixelMm, sliceMm, isBall: false };
    eachUnderBrush(paint, layout, slice, from, to, (v) => {
      data[v] = 1;
    });
    const drawn = planeOf(data, plane, onSlice(plane, [0, 0, 0], slice, shape), shape);
    assert.is(
      data.reduce((n, v) => n + v, 0),
      drawn.reduce((n, v) => n + v, 0),
      `${plane}: other slices stay`,
    );
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        // The least distance to a hundred points of the line.
        const distances = Array.from({ length: 1001 }, (_, i) => {
          const x = from[0] + ((to[0] - from[0]) * i) / 1000;
          const y = from[1] + ((to[1] - from[1]) * i) / 1000;
          return Math.hypot((column + 0.5 - x) * pixelMm[0], (row + 0.5 - y) * pixelMm[1]);
        });
        const distance = Math.min(...distances);
        if (Math.abs(distance - 4) < 0.02) continue;
        const isEnd = [from, to].some(([x, y]) => Math.floor(x) === column && Math.floor(y) === row);
        assert.is(drawn[row * width + column], Number(distance <= 4 || isEnd), `${plane} ${column}, ${row}`);
      }
  }
});

test("a brush smaller than a pixel draws the one under it, and nothing beyond the border", () => {
  const layout = layoutOf("axial", shape);
  const found = new Set<number>();
  const fine: Brush = { radiusMm: 0.1, pixelMm: [1, 2], sliceMm: 5, isBall: true };
  eachUnderBrush(fine, layout, 3, [4.9, 5.1], [4.9, 5.1], (v) => void found.add(v));
  assert.equal([...found], [3 * 320 + 5 * 20 + 4]);
  eachUnderBrush({ ...fine, radiusMm: 3 }, layout, 0, [-1, -1], [-1, -1], (v) => {
    assert.ok(v >= 0 && v < count);
    assert.ok(v % 20 < 3 && Math.floor(v / 20) < 2, `${v}`);
  });
});

test("a ball reaches into the slices that it has a part in", () => {
  const layout = layoutOf("axial", shape);
  const perSlice = new Uint32Array(8);
  const ball: Brush = { radiusMm: 6, pixelMm: [1, 2], sliceMm: 5, isBall: true };
  eachUnderBrush(ball, layout, 4, [10, 8], [10, 8], (v) => {
    perSlice[Math.floor(v / 320)]!++;
  });
  assert.equal(
    [...perSlice].map(Number).map((n) => n > 0),
    [false, false, false, true, true, true, false, false],
  );
  assert.ok(perSlice[4]! > perSlice[3]! && perSlice[3] === perSlice[5]);
});

test("a hole is closed, what reaches the border is open, and a part goes through slices", () => {
  const layout = layoutOf("axial", shape);
  const data = new Uint8Array(count);
  const at = (x: number, y: number, z: number): number => x + 20 * (y + 16 * z);
  for (let x = 4; x <= 8; x++)
    for (let y = 4; y <= 8; y++) if (x === 4 || x === 8 || y === 4 || y === 8) data[at(x, y, 2)] = 1;
  data[at(8, 8, 3)] = 1;
  data[at(12, 12, 3)] = 1;
  const hole = regionOnSlice(data, layout, 2, 6, 6);
  assert.equal([hole.label, hole.voxels.length, hole.isOpen], [0, 9, false]);
  const outside = regionOnSlice(data, layout, 2, 0, 0);
  assert.equal([outside.voxels.length, outside.isOpen], [20 * 16 - 25, true]);
  const ring = regionOnSlice(data, layout, 2, 4, 4);
  assert.equal([ring.label, ring.voxels.length], [1, 16]);
  assert.is(partOfStructure(data, shape, at(4, 4, 2)).length, 17);
  // The same hole on another plane is a gap between two walls.
  const side = layoutOf("coronal", shape);
  const across = regionOnSlice(data, side, 6, 6, 7 - 2);
  assert.ok(across.isOpen);
  assert.equal(voxelUnder("coronal", [0, 6, 0], [6, 5], shape), [6, 6, 2]);
});

test("undo and redo take changes one by one, and slices that differ from what was given are known", () => {
  const data = new Uint8Array(count);
  data[5] = 2;
  const edit = new MaskEdit(data, shape);
  const given = data.slice();
  edit.set(5, 1);
  edit.set(5, 0);
  edit.set(6, 1);
  assert.ok(edit.finish());
  edit.set(2 * 320 + 1, 1);
  assert.ok(edit.finish());
  edit.set(6, 1);
  assert.not(edit.finish(), "nothing was changed");
  assert.equal(edit.changedSlices, [0, 2]);
  edit.right.add(7);
  assert.equal(edit.correctedSlices, [0, 2, 7]);
  const changed = data.slice();
  edit.undo();
  assert.equal(edit.changedSlices, [0]);
  edit.undo();
  assert.ok(isSame(data, given));
  assert.equal([edit.canUndo, edit.canRedo, edit.changedSlices], [false, true, []]);
  edit.redo();
  edit.redo();
  assert.ok(isSame(data, changed));
  edit.undo();
  edit.replace(new Uint8Array(count).fill(3));
  assert.not(edit.canRedo, "a new change ends what was taken back");
  assert.is(edit.changedSlices.length, 8);
  edit.undo();
  edit.set(5, 2);
  edit.set(6, 0);
  assert.equal(edit.changedSlices, [], "drawn back to what it was");
});

test("every fourth corrected slice is left out, and stays so when others are corrected", () => {
  const edit = new MaskEdit(new Uint8Array(count), shape);
  for (const z of [1, 3, 5, 6]) edit.right.add(z);
  assert.equal(edit.split, { learned: [1, 3, 5], leftOut: [6] });
  edit.set(0, 1);
  edit.set(2 * 320, 1);
  edit.right.delete(3);
  assert.equal(edit.split, { learned: [0, 1, 2, 5], leftOut: [6] });
  edit.right.add(3);
  edit.right.add(7);
  edit.right.add(4);
  assert.equal(edit.split, { learned: [0, 1, 2, 3, 4, 5], leftOut: [6, 7] }, "the fifth to eighth: 0, 2, 4 and 7");
});

test("what a new mask replaced comes back by undo, and the oldest changes go where they take too much", () => {
  const before = new Uint8Array(count).fill(1);
  const data = new Uint8Array(count);
  const edit = new MaskEdit(data, shape);
  edit.follow(before);
  assert.equal(edit.changedSlices, []);
  edit.undo();
  assert.ok(isSame(data, before));
  assert.is(edit.changedSlices.length, 8);
  const small = new MaskEdit(new Uint8Array(count), shape, 60);
  for (let v = 0; v < 30; v++) {
    small.set(v, 1);
    small.finish();
  }
  let undone = 0;
  for (; small.canUndo; undone++) small.undo();
  assert.is(undone, 10, "ten of six bytes each");
  assert.is(
    small.data.reduce((n, v) => n + v, 0),
    20,
  );
});

test("a move of a brush, drawn, costs what its slice does: not more in 100 slices, and far less than the volume", async () => {
  const moverOf = (slices: number): (() => void) => {
    const large = [512, 512, slices] as const;
    const middle = slices >> 1;
    const data = new Uint8Array(512 * 512 * slices);
    // A disc of 400 pixels with a hundred holes: a big mask, and long contours.
    const isHole = (x: number, y: number): boolean => x % 40 < 8 && y % 40 < 8;
    for (let y = 0, v = middle * 512 * 512; y < 512; y++)
      for (let x = 0; x < 512; x++, v++) data[v] = Number(Math.hypot(x - 256, y - 256) < 200 && !isHole(x, y));
    const edit = new MaskEdit(data, large);
    const layout = layoutOf("axial", large);
    const size = sizeOfPlane("axial", large, [0.8, 0.8, 3]);
    const wide: Brush = { radiusMm: 20, pixelMm: size.pixelMm, sliceMm: 3, isBall: false };
    const move = (i: number): void => {
      eachUnderBrush(wide, layout, middle, [100 + 10 * i, 200], [110 + 10 * i, 205], (v) => edit.set(v, i % 2));
      const labels = planeOf(data, "axial", [0, 0, middle], large);
      tintPixels(labels, [[255, 0, 0]], 0.4);
      contoursOf(labels, size);
    };
    return () => {
      for (let i = 0; i < 10; i++) move(i);
    };
  };
  const volume = new Uint8Array(512 * 512 * 100);
  const tenPasses = (): void => {
    for (let pass = 0; pass < 10; pass++) for (let v = 0; v < volume.length; v++) volume[v] ^= 1;
  };
  const [inOne, inHundred, over] = await cpuMsOf([moverOf(1), moverOf(100), tenPasses]);
  console.log(
    `ten moves ${inOne!.toFixed(0)} ms, among 100 slices ${inHundred!.toFixed(0)}; passes ${over!.toFixed(0)}`,
  );
  assert.ok(inHundred! <= 2 * inOne!, `${inHundred} ms, with one slice ${inOne} ms`);
  assert.ok(inHundred! <= over! / 2, `${inHundred} ms, passes over the volume ${over} ms`);
});

test.run();
