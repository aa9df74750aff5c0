// The standing cases: kernels, networks and steps of the paper, one after the other.
import { Device, type GpuOptions, type GpuSource, MemoryBudgetError, UsageError } from "../engine/index.ts";
import { type Case, matches, nearest } from "./cases/case.ts";
import { kernelCases, softwareLimits } from "./cases/kernel-cases.ts";
import { arenaCases } from "./cases/arena.ts";
import { networkCases } from "./cases/network-cases.ts";
import { paperLayers } from "./cases/networks.ts";
import { stepCases } from "./cases/step-cases.ts";
import { FULL, QUICK, runCase } from "./measure/harness.ts";
import type { Peaks } from "./measure/peaks.ts";
import type { Options } from "./options.ts";
import type { Row } from "./say/report.ts";
import { type Planned, head, planLines, rowLine } from "./say/table.ts";

export interface Standing {
  readonly scale: { readonly size: number; readonly batch: number; readonly share: number };
  readonly cases: readonly Case[];
  /** A note that is printed before they run. */
  readonly note?: string;
}

type Wanted = Pick<Options, "quick" | "plan" | "size">;

/** The cases that have all of the words. Throws UsageError with the nearest names where none has. */
export function standingCases(words: readonly string[], software: boolean, { quick, plan, size }: Wanted): Standing {
  const limits = software ? softwareLimits(quick ?? false) : undefined;
  const small = software && !plan;
  if (size && size.length !== 1) throw new UsageError(`--size ${size.join("x")}: of networks it is one number, pixels`);
  const scale = { size: size?.[0] ?? (small ? 64 : 256), batch: 2, share: small ? 0.25 : 1 };
  const whole = [...networkCases(scale), ...arenaCases(), ...stepCases(scale)];
  const all = [...kernelCases(paperLayers(), limits), ...whole].filter((c) => !quick || c.quick);
  const cases = all.filter((c) => matches(c, words));
  if (cases.length === 0)
    throw new UsageError(
      `no case has ${words.join(" and ")}; the nearest are:\n${nearest(all, words)
        .map((name) => `  ${name}`)
        .join("\n")}\n--list prints all of them`,
    );
  const note = limits
    ? `A software adapter: kernels up to ${limits.flops / 1e9} GFLOP, networks a quarter as wide at ${scale.size} × ${scale.size}.`
    : undefined;
  return { scale, cases, note };
}

/** What networks and steps take, as lines; nothing is run. */
export async function plannedLines(
  gpu: GpuSource,
  cases: readonly Case[],
  options: GpuOptions,
  budget: number | undefined,
): Promise<string[]> {
  using device = await Device.open(gpu, options);
  const memoryBudget = budget && 1e6 * budget;
  const planned = cases.flatMap(({ name, estimate }): Planned[] => {
    if (!estimate) return [];
    try {
      return [{ name, estimate: estimate(device, memoryBudget) }];
    } catch (error) {
      if (!(error instanceof MemoryBudgetError)) throw error;
      return [{ name, least: error.bytes.reached }];
    }
  });
  return planLines(planned);
}

export interface StandingRun {
  readonly gpu: GpuSource;
  readonly options: GpuOptions;
  readonly quick: boolean;
  readonly peaks: Peaks;
  readonly gpuClock: boolean;
  readonly driverMs?: () => number;
  say(line: string): void;
  /** Asked before each case: true ends the run, with the rows so far. */
  isStopped(): boolean;
}

/** A row a case, printed as it comes. */
export async function runStanding(cases: readonly Case[], run: StandingRun): Promise<Row[]> {
  const { gpu, options, quick, peaks, gpuClock, driverMs, say, isStopped } = run;
  say(head());
  const rows: Row[] = [];
  for (const c of cases) {
    if (isStopped()) break;
    const row = await runCase(gpu, c, quick ? QUICK : FULL, peaks, { gpuClock, driverMs }, options);
    rows.push(row);
    say(rowLine(row));
  }
  return rows;
}
