// Vectors of unit length and angles between vectors where a length is 0 or below eps: numbers of PyTorch 1.13 in f64.
import { suite } from "uvu";
import { type Tensor, cosineSimilarity, grad, mul, sum, unitLength } from "../../engine/index.ts";
import { close } from "../helpers/close.ts";
import { device } from "../helpers/device.ts";

const test = suite("vectors");

const x = [3, 0, -4, 0, 0, 0];
const cotangent = [1, 2, 3, 1, 2, 3];
const CASES: readonly (readonly [p: number, y: readonly number[], dx: readonly number[]])[] = [
  [0, [1.5, 0, -2], [0.5, 1, 1.5]],
  [0.5, [0.2153903, 0, -0.2871871], [0.1717598, 0.1435935, 0.1288198]],
  [3, [0.6669717, 0, -0.8892957], [0.4202166, 0.4446478, 0.3151625]],
  [Infinity, [0.75, 0, -1], [0.25, 0.5, 0.1875]],
  [-Infinity, [3, 0, -4], [1, 2, 3]],
  [-1, [3, 0, -4], [1, 2, 3]],
];

for (const [p, y, dx] of CASES) {
  test(`unitLength by p = ${p}: a zero has no slope of its own, nor has a vector of zeros`, async () => {
    using program = await (await device()).compile(
      ({ x, dy }: Record<string, Tensor>) => {
        const y = unitLength(x!, 1, { p, eps: 1 });
        return { y, dx: grad(sum(mul(y, dy!)), [x!])[0]! };
      },
      { x: [2, 3], dy: [2, 3] },
    );
    program.run({ x, dy: cotangent });
    const got = await program.read();
    close(got.y, [...y, 0, 0, 0], 1e-6);
    close(got.dx, [...dx, 1, 2, 3], 1e-6);
  });
}

test("cosineSimilarity below eps: the length counts as eps, its slope is a / eps", async () => {
  using program = await (await device()).compile(
    ({ a, b }: Record<string, Tensor>) => {
      const y = cosineSimilarity(a!, b!, 1, { eps: 1 });
      const [da, db] = grad(sum(y), [a!, b!]);
      return { y, da: da!, db: db! };
    },
    { a: [3, 3], b: [3, 3] },
  );
  program.run({ a: [0.3, 0.4, 0, 0, 0, 0, 3, 4, 0], b: [0, 2, 0, 0, 2, 0, 0, 0.2, 0] });
  const got = await program.read();
  close(got.y, [0.4, 0, 0.16], 1e-6);
  close(got.da, [-0.12, 0.84, 0, 0, 1, 0, -0.0192, 0.0144, 0], 1e-6);
  close(got.db, [0.15, 0, 0, 0, 0, 0, 0.6, 0.768, 0], 1e-6);
});

test.run();
