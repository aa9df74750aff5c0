// What a program of one rank gives, with what the other ranks do worked out by hand or by a program of the whole batch.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Device,
  ExchangedProgram,
  type Tensor,
  add,
  batchNorm,
  full,
  grad,
  mul,
  randomUniform,
  requireTrace,
  square,
  sum,
  sumOfRanks,
  tracedRanks,
} from "../../engine/index.ts";
import { device, noise, tensor, worst } from "../helpers/device.ts";
import { ranksInProcess } from "../helpers/ranks-in-process.ts";

const test = suite("ranks of a program");

type Outputs = Record<string, Tensor>;
type Values = Record<string, Float32Array>;

/** Outputs of every rank of a function of its part of `x`. */
async function onRanks(
  size: number,
  x: Float32Array,
  shape: readonly number[],
  f: (x: Tensor) => Outputs,
): Promise<{ values: Values[]; rounds: number; sums: readonly { count: number }[] }> {
  const own = shape.with(0, shape[0]! / size);
  const n = x.length / size;
  const d = await device();
  const programs = await Promise.all(
    ranksInProcess(size).map(async (ranks) => {
      const traced = (inputs: { x: Tensor }): Outputs => {
        requireTrace("a test").ranks = tracedRanks(ranks.rank, size);
        return f(inputs.x);
      };
      const program = await d.compile(traced, { x: own }, { mode: "train" });
      return new ExchangedProgram(program, (values) => ranks.sum(values));
    }),
  );
  const values = await Promise.all(
    programs.map(async (together, r) => {
      await together.run({ x: x.subarray(r * n, (r + 1) * n) });
      return (await together.program.read()) as Values;
    }),
  );
  const { rounds, sums } = programs[0]!;
  for (const together of programs) {
    together.dispose();
    together.program.dispose();
  }
  return { values, rounds, sums };
}

async function alone(x: Float32Array, shape: readonly number[], f: (x: Tensor) => Outputs): Promise<Values> {
  using program = await (await device()).compile(
    (inputs: { x: Tensor }) => f(inputs.x),
    { x: shape },
    { mode: "train" },
  );
  program.run({ x });
  return (await program.read()) as Values;
}

const joined = (parts: readonly Float32Array[]): number[] => parts.flatMap((part) => [...part]);

test("batch norm, its statistics and all gradients are those of the whole batch", async () => {
  const cases: readonly (readonly [shape: number[], offset: number])[] = [
    [[4, 5, 3, 4], 0],
    [[4, 6, 6, 8], 100],
    [[8, 3, 2, 1], 0],
  ];
  for (const [shape, offset] of cases) {
    const C = shape.at(-1)!;
    const size = shape.reduce((n, d) => n * d, 1);
    const x = noise(size, 1).map((v) => v + offset);
    const head = noise(size, 2);
    /** `part` of the head, and how often its sum counts. */
    const f =
      (heads: Tensor) =>
      (given: Tensor): Outputs => {
        const weight = tensor(noise(C, 3), [C]);
        const bias = tensor(noise(C, 4), [C]);
        const { y, mean, variance } = batchNorm(given, { weight, bias });
        const [dx, dWeight, dBias] = grad(sum(mul(square(y), heads)), [given, weight, bias]) as [
          Tensor,
          Tensor,
          Tensor,
        ];
        return { y, mean, variance, dx, dWeight, dBias };
      };
    const one = await alone(x, shape, f(tensor(head, shape)));
    for (const many of [2, 4]) {
      const n = size / many;
      // The heads of all ranks differ: each has its part, found by where it stands.
      const parts = [...Array(many).keys()].map((r) =>
        tensor(head.slice(r * n, (r + 1) * n), shape.with(0, shape[0]! / many)),
      );
      let next = 0;
      const { values, rounds } = await onRanks(many, x, shape, (given) => f(parts[next++]!)(given));
      assert.is(rounds, 2, "one wait forward and one back");
      const what = `${many} ranks of [${shape.join(", ")}]`;
      assert.ok(worst(joined(values.map(({ y }) => y!)), one.y!) < 2e-5, what);
      assert.ok(worst(joined(values.map(({ dx }) => dx!)), one.dx!) < 2e-4, `dx, ${what}`);
      for (const own of values)
        for (const name of ["mean", "variance"]) assert.ok(worst(own[name]!, one[name]!) < 2e-5, `${name}, ${what}`);
      for (const name of ["dWeight", "dBias"]) {
        const total = values[0]![name]!.map((_, i) => values.reduce((s, own) => s + own[name]![i]!, 0));
        assert.ok(worst(total, one[name]!) < 1e-4, `${name}, ${what}`);
      }
    }
  }
});

test("a sum over ranks is its own transpose", async () => {
  const x = noise(6, 5);
  const { values } = await onRanks(2, x, [2, 3], (own) => {
    const y = sumOfRanks(own);
    return { y, dx: grad(sum(square(y)), [own])[0]! };
  });
  const total = [0, 1, 2].map((i) => x[i]! + x[i + 3]!);
  for (const { y, dx } of values) {
    assert.ok(worst(y!, total) < 1e-6);
    // Each rank's loss is Σy²: of both together the derivative is 2 · 2y.
    assert.ok(
      worst(
        dx!,
        total.map((v) => 4 * v),
      ) < 1e-6,
    );
  }
});

test("random numbers are those of the whole batch, each rank its part", async () => {
  const draw = (x: Tensor): Outputs => ({ u: add(randomUniform(x.shape, full([], 77, "u32"), 3), mul(x, 0)) });
  const whole = await alone(new Float32Array(24), [4, 3, 2], draw);
  const { values } = await onRanks(2, new Float32Array(24), [4, 3, 2], draw);
  assert.equal(joined(values.map(({ u }) => u!)), [...whole.u!]);
});

test("sums that need none of each other are waited for together", async () => {
  const x = noise(16, 7);
  const { values, rounds, sums } = await onRanks(2, x, [4, 4], (own) => ({
    a: sumOfRanks(own),
    b: mul(sumOfRanks(mul(own, 2)), 3),
    c: sumOfRanks(square(own)),
  }));
  assert.is(rounds, 1);
  assert.equal(
    sums.map(({ count }) => count),
    [24],
  );
  const total = x.slice(0, 8).map((v, i) => v + x[i + 8]!);
  for (const { a, b } of values) {
    assert.ok(worst(a!, total) < 1e-6);
    assert.ok(
      worst(
        b!,
        total.map((v) => 6 * v),
      ) < 1e-6,
    );
  }
});

test("without ranks a program has no sums, and is the same as ever", async () => {
  const f = (x: Tensor): Outputs => ({ y: sumOfRanks(batchNorm(x).y) });
  using program = await (await device()).compile((i: { x: Tensor }) => f(i.x), { x: [2, 2, 2, 4] }, { mode: "train" });
  const together = new ExchangedProgram(program, () => Promise.reject(new Error("nothing is to be summed")));
  assert.equal([together.rounds, together.sums], [0, []]);
  const x = noise(32, 8);
  await together.run({ x });
  const got = await program.read();
  program.run({ x });
  assert.equal(got, await program.read());
  together.dispose();
});

test("a sum that fails loses the run: the error comes through", async () => {
  const d: Device = await device();
  using program = await d.compile(
    ({ x }: { x: Tensor }): Outputs => {
      requireTrace("a test").ranks = tracedRanks(0, 2);
      return { y: sumOfRanks(x) };
    },
    { x: [3] },
  );
  const together = new ExchangedProgram(program, () => Promise.reject(new Error("the other rank is gone")));
  const said = await together.run({ x: [1, 2, 3] }).catch((error: Error) => error.message);
  assert.is(said, "the other rank is gone");
  together.dispose();
});

test.run();
