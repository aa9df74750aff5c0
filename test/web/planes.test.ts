// Planes through a volume as they are displayed, and what is drawn of them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { contoursOf, firstWindow, greyPixels, tintPixels } from "../../web/view/draw.ts";
import { PLANES, onSlice, pixelOf, planeOf, sizeOfPlane, sliceAt, voxelUnder } from "../../web/view/planes.ts";

const test = suite("planes");

const shape = [4, 3, 2] as const;
/** Voxel (x, y, z) is x + 10·y + 100·z. */
const data = Int16Array.from(
  { length: 24 },
  (_, i) => (i % 4) + 10 * (Math.floor(i / 4) % 3) + 100 * Math.floor(i / 12),
);

test("axial shows the front at the top, the others the head", () => {
  assert.equal(
    [...planeOf(data, "axial", [0, 0, 1], shape)],
    [100, 101, 102, 103, 110, 111, 112, 113, 120, 121, 122, 123],
  );
  assert.equal([...planeOf(data, "coronal", [0, 2, 0], shape)], [120, 121, 122, 123, 20, 21, 22, 23]);
  assert.equal([...planeOf(data, "sagittal", [3, 0, 0], shape)], [103, 113, 123, 3, 13, 23]);
});

test("a voxel is under the pixel that it is shown at, in each plane", () => {
  for (const plane of PLANES) {
    const { width, height, count } = sizeOfPlane(plane, shape, [1, 1, 1]);
    for (let slice = 0; slice < count; slice++) {
      const place = onSlice(plane, [0, 0, 0], slice, shape);
      const pixels = planeOf(data, plane, place, shape);
      for (let row = 0; row < height; row++) {
        for (let column = 0; column < width; column++) {
          const voxel = voxelUnder(plane, place, [column + 0.5, row + 0.5], shape)!;
          assert.is(pixels[row * width + column], voxel[0] + 10 * voxel[1] + 100 * voxel[2]);
          assert.equal(pixelOf(plane, voxel, shape), [column, row]);
        }
      }
    }
    assert.is(voxelUnder(plane, [0, 0, 0], [-0.5, 0], shape), undefined);
    assert.is(voxelUnder(plane, [0, 0, 0], [width, 0], shape), undefined);
  }
});

test("slices stay inside the volume, and pixels have the sides of their voxels", () => {
  assert.equal(onSlice("coronal", [1, 1, 1], 7, shape), [1, 2, 1]);
  assert.equal(onSlice("axial", [1, 1, 1], -1, shape), [1, 1, 0]);
  assert.is(sliceAt("sagittal", [3, 1, 0]), 3);
  const { pixelMm, aspect } = sizeOfPlane("coronal", shape, [0.5, 2, 5]);
  assert.equal(pixelMm, [0.5, 5]);
  assert.is(aspect, 10 / 2);
});

test("values go through the window, NaN is told", () => {
  const rgba = greyPixels(Float32Array.of(-200, 0, 128, 255, 900, NaN), { low: 0, high: 255 });
  assert.equal([...rgba.subarray(0, 4)], [0, 0, 0, 255]);
  assert.equal([...rgba.subarray(8, 12)], [128, 128, 128, 255]);
  assert.equal([...rgba.subarray(12, 20)], [255, 255, 255, 255, 255, 255, 255, 255]);
  assert.equal([...rgba.subarray(20)], [0xba, 0x55, 0xd3, 255]);
});

test("the first window is soft tissue for CT, else what most values lie in", () => {
  assert.equal(firstWindow(Int16Array.from({ length: 1000 }, (_, i) => (i < 500 ? -1000 : 40))), {
    low: -160,
    high: 240,
  });
  assert.equal(firstWindow(Float32Array.from({ length: 101 }, (_, i) => i)), { low: 1, high: 99 });
  assert.equal(firstWindow(new Float32Array(9)), { low: 0, high: 1 });
});

test("labels are tinted in their colours, and contours lie between pixels of different labels", () => {
  const labels = Uint8Array.of(0, 1, 2, 0, 1, 1);
  const rgba = tintPixels(
    labels,
    [
      [10, 20, 30],
      [40, 50, 60],
    ],
    0.5,
  );
  assert.equal([...rgba.subarray(0, 12)], [0, 0, 0, 0, 10, 20, 30, 128, 40, 50, 60, 128]);
  const edges = contoursOf(labels, { width: 3, height: 2 });
  assert.is(edges.get(1)!.length, 4 * 8, "an L of three pixels has eight sides");
  assert.equal(edges.get(2), [2, 0, 2, 1, 3, 0, 3, 1, 2, 0, 3, 0, 2, 1, 3, 1]);
});

test.run();
