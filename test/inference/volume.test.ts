// Whole volumes by a network that sees a field of a slice: here one that calls bright pixels the structure.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sformGeometry } from "../../data/volume.ts";
import type { Volume } from "../../data/volume.ts";
import { type SegmentOptions, classesOfVolume, fieldsOf } from "../../inference/index.ts";

const test = suite("volumes");
const SIZE = 32;
const model = { size: SIZE, fieldMm: SIZE, labels: [{ value: 1, name: "cube" }] };
const DEPTH = 11;

/** A dark volume with a bright cube of 6 × 6 voxels in every slice but the first. */
function withCube(nx: number, ny: number, [left, top]: readonly [number, number]): { image: Volume; mask: Uint8Array } {
  const data = new Float32Array(nx * ny * DEPTH).fill(-1);
  const mask = new Uint8Array(data.length);
  for (let z = 1; z < DEPTH; z++)
    for (let y = top; y < top + 6; y++)
      for (let x = left; x < left + 6; x++) {
        data[x + nx * (y + ny * z)] = 1;
        mask[x + nx * (y + ny * z)] = 1;
      }
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1];
  const spacingMm = [1, 1, 3] as const;
  const geometry = sformGeometry(affine, spacingMm);
  const shape = [nx, ny, DEPTH] as const;
  return { image: { name: "cube", data, shape, spacingMm, affine, oriented: true, geometry, warnings: [] }, mask };
}

/** The mask, and the most images that the network was given at once. */
async function segmented(image: Volume, options: SegmentOptions = {}): Promise<{ mask: Uint8Array; most: number }> {
  let most = 0;
  const bright = async (images: Float32Array): Promise<Float32Array> => {
    most = Math.max(most, images.length / SIZE ** 2);
    return images.map((v) => (v > 0 ? 0.9 : 0.1));
  };
  const range = { low: -1, high: 1 };
  return { mask: await classesOfVolume(bright, image, range, model, { ...options, slices: 4 }), most };
}

test("a structure outside the central field is found", async () => {
  for (const at of [
    [2, 3],
    [91, 40],
    [45, 70],
  ] as const) {
    const { image, mask } = withCube(100, 80, at);
    assert.equal((await segmented(image)).mask, mask, `${at}`);
  }
});

test("with crop, only the central field is segmented", async () => {
  const outside = withCube(100, 80, [2, 3]);
  assert.ok((await segmented(outside.image, { crop: true })).mask.every((v) => v === 0));
  const inside = withCube(100, 80, [48, 38]);
  assert.equal((await segmented(inside.image, { crop: true })).mask, inside.mask);
});

test("a slice no larger than the field is seen once, as with crop", async () => {
  const { image, mask } = withCube(30, 32, [4, 20]);
  assert.is(fieldsOf(image, model).length, 1);
  const whole = await segmented(image);
  assert.equal(whole.mask, mask);
  assert.equal(whole.mask, (await segmented(image, { crop: true })).mask);
  assert.is(whole.most, 4);
});

test("however many slices there are, so many fields as those of four are in memory", async () => {
  const { image } = withCube(100, 80, [2, 3]);
  assert.is((await segmented(image)).most, 4 * fieldsOf(image, model).length);
});

test.run();
