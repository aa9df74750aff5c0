// A function of a part of a batch, traced and run as each of several ranks in this process.
import { ExchangedProgram, type Tensor, requireTrace, tracedRanks } from "../../engine/index.ts";
import { device } from "./device.ts";
import { ranksInProcess } from "./ranks-in-process.ts";

type Outputs = Readonly<Record<string, Tensor>>;
type Values = Record<string, Float32Array>;

/** Outputs of every rank of a function of its part of `x`. */
export async function onRanks(
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
