// Storage orders: any of the 48 goes to Left-Posterior-Superior and back without losing a voxel's place.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fromLps, isLps, orientationName, orientationOf, toLps } from "../../data/orientation.ts";
import { type Volume, makeVolume } from "../../data/volume.ts";

const test = suite("orientation");
const lps = makeVolume(
  "v",
  Int16Array.from({ length: 24 }, (_, i) => i),
  [2, 3, 4],
  [1, 2, 3],
);

/**
 * A volume stored so that axis i runs along world axis `axes[i]`, reversed where `signs[i]` is −1; each voxel holds
 * its own world position.
 */
function stored(axes: readonly number[], signs: readonly number[]): Volume {
  const shape = [2, 3, 4] as const;
  const affine = Array<number>(16).fill(0);
  axes.forEach((world, i) => {
    affine[world * 4 + i] = signs[i]! * (i + 1);
  });
  affine[3] = 5;
  affine[7] = -6;
  affine[11] = 7;
  affine[15] = 1;
  const data = new Float32Array(24);
  for (let z = 0, o = 0; z < 4; z++)
    for (let y = 0; y < 3; y++) for (let x = 0; x < 2; x++, o++) data[o] = world(affine, [x, y, z]);
  return { ...lps, data, shape, affine, spacingMm: [1, 2, 3] };
}
/** A number that tells world positions apart. */
const world = (a: readonly number[], [x, y, z]: readonly [number, number, number]): number => {
  const at = (r: number): number => a[r * 4]! * x + a[r * 4 + 1]! * y + a[r * 4 + 2]! * z + a[r * 4 + 3]!;
  return at(0) + 100 * at(1) + 10000 * at(2);
};

test("in all 48 storage orders each voxel keeps its place, and comes back", () => {
  for (const axes of [
    [0, 1, 2],
    [0, 2, 1],
    [1, 0, 2],
    [1, 2, 0],
    [2, 0, 1],
    [2, 1, 0],
  ])
    for (let s = 0; s < 8; s++) {
      const volume = stored(axes, [s & 1 ? -1 : 1, s & 2 ? -1 : 1, s & 4 ? -1 : 1]);
      const turned = toLps(volume);
      const name = orientationName(volume.affine);
      assert.is(orientationName(turned.affine), "LPS", name);
      const [nx, ny, nz] = turned.shape;
      for (let z = 0, o = 0; z < nz; z++)
        for (let y = 0; y < ny; y++)
          for (let x = 0; x < nx; x++, o++) {
            assert.is(turned.data[o], world(turned.affine, [x, y, z]), `${name} at ${x}, ${y}, ${z}`);
          }
      assert.equal(fromLps(turned.data as Float32Array<ArrayBuffer>, volume), volume.data, name);
    }
});

test("a volume that is LPS already is not copied", () => {
  assert.ok(isLps(orientationOf(lps.affine)));
  assert.is(toLps(lps), lps);
});

test("orientations have the usual names", () => {
  assert.is(orientationName([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), "RAS");
  assert.is(orientationName([-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]), "LAS");
  assert.is(orientationName([0, 0, -1, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 1]), "PIL");
});

test("a volume of unknown orientation is taken as stored", () => {
  const unknown: Volume = { ...stored([0, 1, 2], [1, 1, 1]), oriented: false };
  assert.is(toLps(unknown), unknown);
});

test.run();
