// Edges and errors of the ops that move elements; what they give for all shapes stands in properties.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Tensor,
  concat,
  expand,
  flip,
  grad,
  input,
  mul,
  place,
  pixelShuffle,
  pixelUnshuffle,
  reshape,
  resize,
  slice,
  split,
  stack,
  sum,
  tile,
  transpose,
} from "../../engine/index.ts";
import { device, noise, tensor } from "../helpers/device.ts";

const test = suite("movement");
const values = async (t: Tensor): Promise<number[]> => Array.from(await (await device()).evaluate(t));

test("pixelShuffle makes channel c·r² + i·r + j channel c of pixel (i, j), and pixelUnshuffle undoes it", async () => {
  for (const [n, h, w, c, r] of [
    [1, 2, 3, 2, 3],
    [2, 3, 1, 1, 2],
    [1, 2, 2, 4, 2],
    [1, 3, 2, 3, 1],
    [0, 2, 2, 1, 2],
  ] as const) {
    const data = noise(n * h * w * c * r * r);
    const x = tensor(data, [n, h, w, c * r * r]);
    const y = pixelShuffle(x, r);
    assert.equal(y.shape, [n, h * r, w * r, c]);
    const want: number[] = [];
    for (let b = 0; b < n; b++)
      for (let p = 0; p < h * r; p++)
        for (let q = 0; q < w * r; q++)
          for (let k = 0; k < c; k++) {
            want.push(
              data[
                ((b * h + Math.floor(p / r)) * w + Math.floor(q / r)) * c * r * r + k * r * r + (p % r) * r + (q % r)
              ]!,
            );
          }
    assert.equal(await values(y), want);
    assert.equal(await values(pixelUnshuffle(y, r)), Array.from(data));
  }
});

test("ranges, repeats and pieces of nothing are empty, and their gradients zero", async () => {
  const x = tensor(noise(6), [2, 3]);
  for (const y of [
    slice(x, [[1, 1]]),
    slice(x, [null, [0, 2, -1]]),
    tile(x, [0, 2]),
    tile(x, [2, 0, 1]),
    split(x, [3, 0], 1)[1]!,
    expand(reshape(x, [2, 3, 1]), [2, 3, 0]),
  ]) {
    assert.is(y.size, 0);
    assert.equal(await values(y), []);
    assert.equal(await values(grad(sum(mul(y, y)), [x])[0]), [0, 0, 0, 0, 0, 0]);
  }
  const data = noise(6);
  assert.equal(
    await values(
      slice(x, [
        [-1, null],
        [-1, null, -2],
      ]),
    ),
    [data[5], data[3]],
  );
});

test("scalars take part: stacked, tiled, expanded", async () => {
  const s = tensor([3], []);
  assert.equal(await values(stack([s, tensor([4], [])])), [3, 4]);
  assert.equal(await values(tile(s, [2, 2])), [3, 3, 3, 3]);
  assert.equal(await values(expand(s, [3])), [3, 3, 3]);
  assert.equal(transpose(s).shape, []);
  assert.is(flip(s, []), s);
});

test("integers and bools are moved like floats", async () => {
  const x = tensor([1, -2, 3, 2 ** 31 - 1], [2, 2], "i32");
  assert.equal(await values(tile(flip(transpose(x), 0), [1, 2])), [-2, 2 ** 31 - 1, -2, 2 ** 31 - 1, 1, 3, 1, 3]);
  assert.equal(await values(concat(split(tensor([1, 0, 1], [3], "bool"), [2, 1], 0).reverse(), 0)), [1, 1, 0]);
});

test("errors say what is wrong and what would be right", () => {
  const x = input("x", [2, 3]);
  const says = (f: () => unknown, message: RegExp): void => void assert.throws(f, message);
  says(() => reshape(x, [4, 2]), /reshape: \[2, 3\] has 6 elements, \[4, 2\] has 8; the counts must agree/);
  says(() => reshape(x, [4, -1]), /reshape: \[2, 3\] has 6 elements, \[4, -1\] has a multiple of 4/);
  says(() => transpose(x, [0, 0]), /transpose: perm \[0, 0\] is no permutation of the 2 axes of \[2, 3\]/);
  says(
    () => expand(x, [2, 4]),
    /expand: \[2, 3\] does not expand to \[2, 4\]: each size must be 1 or equal, aligned at the right/,
  );
  says(() => slice(x, [null, null, [0, 1]]), /slice: 3 ranges for a tensor \[2, 3\] of rank 2/);
  says(() => slice(x, [[0, 1, 0]]), /slice: step of axis 0 is 0; use a step ≥ 1 or ≤ -1/);
  says(() => flip(x, 2), /flip: axis 2 is outside a tensor of rank 2; use -2 … 1/);
  says(
    () => concat([x, input("y", [3, 3])], 1),
    /concat: f32\[3, 3\] does not join f32\[2, 3\] along axis 1: all other sizes must be equal/,
  );
  says(() => concat([], 0), /concat: needs at least one tensor/);
  says(
    () => stack([x, input("y", [2, 4])]),
    /stack: f32\[2, 4\] does not stack with f32\[2, 3\]; shapes and dtypes must be equal/,
  );
  says(() => stack([]), /stack: needs at least one tensor/);
  says(() => split(x, [1, 1], 1), /split: sizes \[1, 1\] add up to 2; dimension 1 of x \[2, 3\] is 3/);
  says(
    () => tile(x, [1, -1]),
    /tile: repeats are \[1, -1\]; give whole numbers ≥ 0, one for each dimension of x \[2, 3\]/,
  );
  says(() => pixelShuffle(x, 2), /pixelShuffle: x is \[2, 3\]; it must be an image batch \[N, H, W, C\]/);
  says(
    () => pixelShuffle(input("x", [1, 2, 2, 6]), 2),
    /pixelShuffle: x \[1, 2, 2, 6\] has C = 6 channels, which do not split into 2 × 2; use a multiple of 4/,
  );
  says(
    () => pixelUnshuffle(input("x", [1, 4, 5, 6]), 2),
    /pixelUnshuffle: W = 5 of x \[1, 4, 5, 6\] does not split into blocks of 2; use a multiple of 2/,
  );
  says(() => pixelUnshuffle(input("x", [1, 4, 4, 6]), 0), /pixelUnshuffle: r is 0; it must be a whole number ≥ 1/);
});

test("what a kernel writes may stand among zeros where no binding can begin", async () => {
  const d = await device();
  for (const [row, column] of [
    [1, 0], // 64 bytes before, then a run
    [0, 0],
    [4, 0],
    [1, 3],
  ] as const) {
    using p = await d.compile(
      ({ x, m }) => ({
        y: place(
          mul(resize(x, [5, 16], { mode: "nearest" }), m),
          [1, 9, 16 + column, 1],
          [0, row, column, 0],
          [1, 1, 1, 1],
        ),
      }),
      { x: [1, 1, 1, 1], m: [1, 5, 16, 1] },
    );
    const m = Float32Array.from({ length: 80 }, (_, i) => i + 1);
    p.run({ x: [2], m });
    const { y } = await p.read();
    const width = 16 + column;
    const want = new Float32Array(9 * width);
    for (let i = 0; i < 80; i++) want[(row + (i >> 4)) * width + column + (i & 15)] = 2 * m[i]!;
    assert.equal(y, want, `${row}, ${column}`);
  }
});

test.run();
