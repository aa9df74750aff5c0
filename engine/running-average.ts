// Running averages of a step, as batch norms keep: all of them are slices of one variable that one dispatch moves at
// its end.
import { UsageError } from "./errors.ts";
import { add, mul } from "./ops/elementwise.ts";
import { pack, reshape, slice } from "./ops/movement.ts";
import { stopGradient } from "./ops/pass.ts";
import type { Tensor } from "./tensor.ts";
import { type RunningAverage, type Trace, requireTrace } from "./trace.ts";
import { Variable, arenaOf } from "./variable.ts";

/**
 * `running` ← (1 − momentum) · running + momentum · scale · batch, at the end of the step or when it is read within;
 * of one size. Several in one step follow each other.
 */
export function followAverage(running: Variable, batch: Tensor, momentum: number, scale = 1): void {
  if (batch.size !== running.size)
    throw new UsageError(
      `followAverage: ${running.name || "a variable"} holds ${running.size} numbers, ` +
        `the batch's average ${batch.size}`,
    );
  const trace = requireTrace("following an average");
  const average: RunningAverage = {
    running,
    batch: stopGradient(batch),
    momentum,
    scale,
    settle: () => assign([average]),
  };
  // A variable that was read in this step can't move into an arena any more.
  if (trace.values.has(running) && !running.arena) average.settle();
  else {
    trace.averages.push(average);
    trace.atEnd.add(settleAverages);
  }
}

/**
 * Turns the averages that a trace noted into assignments: of an arena where their variables can still move into one.
 */
function settleAverages(trace: Trace): void {
  const { averages } = trace;
  trace.averages = [];
  const free = [...new Set(averages.map((a) => a.running))].filter((v) => !v.arena && !v.bound);
  if (free.length > 1) arenaOf(free, "averages");
  assign(averages);
}

function assign(averages: readonly RunningAverage[]): void {
  const arenas = new Map<Variable, RunningAverage[]>();
  for (const a of averages) {
    const { running, batch, momentum, scale } = a;
    const arena = running.arena?.variable;
    if (arena) arenas.set(arena, [...(arenas.get(arena) ?? []), a]);
    else running.assign(add(mul(running.value, 1 - momentum), mul(reshape(batch, running.shape), momentum * scale)));
  }
  for (const [arena, list] of arenas) {
    // The first average of every variable, then the second of those that have one, …
    const rounds: RunningAverage[][] = [];
    for (const a of list) {
      const round = rounds.find((r) => r.every((b) => b.running !== a.running));
      if (round) round.push(a);
      else rounds.push([a]);
    }
    arena.assign(
      rounds.reduce((value, round) => {
        const rates = ratesOf(arena, round).value;
        const kept = mul(value, slice(rates, [[0, arena.size]]));
        const batch = pack(
          round.map((a) => a.batch),
          round.map((a) => a.running.arena!.offset),
          arena.size,
        );
        return add(kept, mul(batch, slice(rates, [[arena.size, 2 * arena.size]])));
      }, arena.value),
    );
  }
}

const known = new WeakMap<Variable, Map<string, Variable>>();

/**
 * For each element of an arena what is kept of it, then what is taken of the batch's: programs of one arena share
 * these.
 */
function ratesOf(arena: Variable, round: readonly RunningAverage[]): Variable {
  const tables = known.get(arena) ?? new Map<string, Variable>();
  known.set(arena, tables);
  const key = round.map((a) => [a.running.arena!.offset, a.momentum, a.scale].join()).join(";");
  const found = tables.get(key);
  if (found) return found;
  const rates = new Float32Array(2 * arena.size).fill(1, 0, arena.size);
  for (const { running, momentum, scale } of round) {
    const { offset } = running.arena!;
    rates.fill(1 - momentum, offset, offset + running.size);
    rates.fill(momentum * scale, arena.size + offset, arena.size + offset + running.size);
  }
  const table = new Variable([2 * arena.size], rates, { trainable: false, name: `${arena.name}.rates` });
  tables.set(key, table);
  return table;
}
