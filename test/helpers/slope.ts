// An op's gradient against a finite difference along one random direction, d/dε f(x + ε v) = ⟨∇f, v⟩, and its second
// derivative against the first.
import * as assert from "uvu/assert";
import { type Tensor, grad, mul, square, sum } from "../../engine/index.ts";
import { dot } from "./dot.ts";
import { device, noise, tensor } from "./device.ts";

export interface Differentiated {
  f: (...xs: Tensor[]) => Tensor;
  shapes: number[][];
  at?: (v: number) => number;
  step?: number;
}
export const positive = (v: number): number => 1.2 + 0.9 * v;
/** Away from kinks at 0 and ±½. */
export const awayFromKinks = (v: number): number => (v < 0 ? v - 0.2 : v + 0.2) * 1.1;

/** The slope of f along a direction v of all inputs is ⟨∇f, v⟩, f = Σ head · op(x). */
export async function gradientIsSlope({
  f,
  shapes,
  at = (v: number) => v,
  step = 1 / 128,
}: Differentiated): Promise<void> {
  const d = await device();
  const data = shapes.map((s, i) =>
    noise(
      s.reduce((n, m) => n * m, 1),
      i + 11,
    ).map(at),
  );
  const directions = data.map((x, i) => noise(x.length, i + 31));
  const shape = f(...data.map((x, i) => tensor(x, shapes[i]))).shape;
  const head = tensor(
    noise(
      shape.reduce((n, m) => n * m, 1),
      77,
    ),
    shape,
  );
  using program = await d.compile(
    (xs) => {
      const inputs = shapes.map((_, i) => xs[`x${i}`]!);
      const y = f(...inputs);
      return { y, ...Object.fromEntries(grad(sum(mul(y, head)), inputs).map((g, i) => [`g${i}`, g])) };
    },
    Object.fromEntries(shapes.map((s, i) => [`x${i}`, s])),
    { mode: "train" },
  );
  const headData = noise(
    shape.reduce((n, m) => n * m, 1),
    77,
  );
  const run = async (e: number): Promise<Record<string, ArrayLike<number>>> => {
    program.run(Object.fromEntries(data.map((x, i) => [`x${i}`, x.map((v, k) => v + e * directions[i]![k]!)])));
    return program.read();
  };
  // Four points cancel the third-order term; the head sums in f64, so that only the op rounds.
  const headSum = async (e: number): Promise<number> => dot((await run(e)).y!, headData);
  const near = (await headSum(step)) - (await headSum(-step));
  const far = (await headSum(2 * step)) - (await headSum(-2 * step));
  const slope = (8 * near - far) / (12 * step);
  const here = await run(0);
  const wanted = directions.reduce((s, v, i) => s + dot(here[`g${i}`]!, v), 0);
  const scale = Math.max(1, ...directions.map((v, i) => Math.abs(dot(here[`g${i}`]!, v))));
  assert.ok(Math.abs(slope - wanted) <= 2e-3 * scale, `slope ${slope}, gradient ${wanted}`);
}

/** The slope of |∇f|² along a direction v of the first input is ⟨∇|∇f|², v⟩, f = Σ head · op(x)². */
export async function secondDerivativeIsSlope({ f, shapes, at = (v: number) => v }: Differentiated): Promise<void> {
  const d = await device();
  const data = shapes.map((s, i) =>
    noise(
      s.reduce((n, m) => n * m, 1),
      i + 11,
    ).map(at),
  );
  const direction = noise(data[0]!.length, 31);
  const step = 1 / 128;
  const size = f(...data.map((x, i) => tensor(x, shapes[i]))).size;
  const head = noise(size, 77);
  using program = await d.compile(
    (xs) => {
      const inputs = shapes.map((_, i) => xs[`x${i}`]!);
      const y = f(...inputs);
      const [g] = grad(sum(mul(square(y), tensor(head, y.shape))), [inputs[0]!]);
      const [h] = grad(sum(square(g)), [inputs[0]!]);
      return { g, h };
    },
    Object.fromEntries(shapes.map((s, i) => [`x${i}`, s])),
    { mode: "train" },
  );
  const run = async (e: number) => {
    program.run(
      Object.fromEntries(data.map((x, i) => [`x${i}`, i === 0 ? x.map((v, k) => v + e * direction[k]!) : x])),
    );
    return program.read();
  };
  const squares = async (e: number): Promise<number> => {
    const { g } = await run(e);
    return dot(g, g);
  };
  const near = (await squares(step)) - (await squares(-step));
  const far = (await squares(2 * step)) - (await squares(-2 * step));
  const slope = (8 * near - far) / (12 * step);
  const wanted = dot((await run(0)).h, direction);
  assert.ok(
    Math.abs(slope - wanted) <= 5e-3 * Math.max(1, Math.abs(wanted)),
    `slope ${slope}, second derivative ${wanted}`,
  );
}
