// npm run bench -- --torch-cpu: our programs on this adapter and PyTorch on the same cores, in turn, case by case. Both
// begin with the same weights and images, and must give the same results first.
import { rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Device, type GpuSource, UsageError } from "../../engine/index.ts";
import { contest } from "../../lab/measure/contest.ts";
import { pairedRatio } from "../../lab/measure/verdict.ts";
import { summarize } from "../../lab/statistics.ts";
import { type Case, LARGEST_ERROR, type Prepared } from "../cases/case.ts";
import { relativeL2 } from "../measure/statistics.ts";
import { BESIDE, PYTORCH } from "../say/beside.ts";
import type { Row } from "../say/report.ts";
import { standingCases } from "../standing.ts";
import { Python } from "./python.ts";
import { writeStart } from "./start-file.ts";
import { type Took, ours, pytorch } from "./turns.ts";

export interface BesideOptions {
  readonly python: string;
  readonly seconds: number;
  readonly quick?: boolean;
  readonly size?: readonly number[];
}

/**
 * Runs after which results are compared. What the first one updates counts in the second; a step that has several
 * optimizers shows it in the first, and tells the norms of its gradients.
 */
const checkedRuns = ({ group }: Case): number => (group === "step" ? 1 : 2);
/**
 * Adam makes whole steps of the rounding of gradients that are nearly 0: what follows it within a step may differ so.
 */
const AFTER_AN_UPDATE = 0.03;

/** Threads that a software adapter takes, and PyTorch beside it: LP_NUM_THREADS, else one for each core. */
export function threadsHere(given = process.env.LP_NUM_THREADS): { threads: number; why: string } {
  const threads = given === undefined || given.trim() === "" ? NaN : Math.max(1, Number(given));
  return Number.isInteger(threads)
    ? { threads, why: "as LP_NUM_THREADS says" }
    : { threads: availableParallelism(), why: "one for each core" };
}

/**
 * Cases with all of the words that bench/torch knows; without words networks and steps, no kernels. Throws UsageError
 * where there are none.
 */
export function torchCases(words: readonly string[], software: boolean, options: Partial<BesideOptions>): Case[] {
  const { cases } = standingCases(words, software, options);
  const known = cases.filter((c) => c.torch && (words.length > 0 || c.group !== "kernel"));
  if (known.length === 0) throw new UsageError(`bench/torch has none of these cases: ${cases[0]!.name}, …`);
  return known;
}

interface Sides {
  readonly gpu: GpuSource;
  readonly python: Python;
  readonly driverMs: (() => number) | undefined;
  readonly seconds: number;
  readonly isStopped: () => boolean;
}

/** Rows of PyTorch and of ours, in this order; what differs or can't be done has no time. */
export async function besideRows(c: Case, sides: Sides): Promise<[theirs: Row, ours: Row]> {
  const { gpu, python, driverMs, seconds, isStopped } = sides;
  const { name, group, flops, bytes } = c;
  const facts = { clock: "wall", flops, bytes } as const;
  const theirs: Row = { ...facts, name: `${name}${PYTORCH}`, group: "peer" };
  using device = await Device.open(gpu);
  const prepared = await c.prepare(device);
  const { program, feeds } = prepared;
  const { dispatches, pipelines, activationBytes: plannedBytes } = program.stats();
  const own: Row = { ...facts, name: `${name}${BESIDE}`, group, dispatches, pipelines, plannedBytes };
  const { wrong, checked } = await agreed(c, prepared, python);
  if (wrong !== undefined)
    return [
      { ...theirs, checked },
      { ...own, checked, wrong },
    ];
  const both = [await pytorch(python), await ours(program, feeds, driverMs)];
  const taken: Took[][] = [];
  const round = async (order: readonly number[]): Promise<number[]> => {
    const took: Took[] = [];
    for (const i of order) took[i] = await both[i]!.turn();
    taken.push(took);
    return order.map((i) => took[i]!.wallMs);
  };
  const [first, second] = await contest({ clock: "wall", round }, 2, { seconds, isStopped });
  // Without the rounds that warmed up.
  const counted = taken.slice(-first!.ms.samples);
  const [before, now] = [0, 1].map((i) => counted.flatMap((took) => took[i]?.cpuMs ?? []));
  const isTold = now!.length === counted.length;
  const cpu = isTold ? { cpuMs: summarize(now!), cpuAgainst: pairedRatio(before!, now!) } : {};
  return [
    { ...theirs, checked, ms: first!.ms, cpuMs: summarize(before!) },
    { ...own, checked, ...second!, ...cpu },
  ];
}

/** Prepares PyTorch; whether both give the same, or where they can't be compared, whether ours is right by itself. */
async function agreed(c: Case, { program, feeds = {}, start, check }: Prepared, python: Python) {
  const runs = checkedRuns(c);
  const description = { ...c.torch, group: c.group, runs };
  if (!start) {
    const told = await python.prepare(description, null);
    return "error" in told ? refused(told.error) : check();
  }
  const file = join(tmpdir(), `cmedl-bench-start-${process.pid}.bin`);
  try {
    const began = start();
    await writeStart(file, began, feeds);
    const told = await python.prepare(description, file);
    if ("error" in told) return refused(told.error);
    for (let i = 0; i < runs; i++) program.run(feeds);
    return compared((await program.read()) as Values, told.results!, began.updated);
  } finally {
    await rm(file, { force: true });
  }
}

const refused = (error: string) => ({ checked: "", wrong: `PyTorch: ${error}` });

type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Whether each result of ours is PyTorch's, but for rounding; those that follow an update are `updated`. */
export function compared(own: Values, theirs: Values, updated?: RegExp): { checked: string; wrong?: string } {
  const names = Object.keys(own);
  const missing = [...names.filter((n) => !(n in theirs)), ...Object.keys(theirs).filter((n) => !(n in own))];
  if (missing.length > 0) {
    const wrong = `only one side gives ${missing.join(", ")}`;
    return { checked: wrong, wrong };
  }
  const offs = names.map((name) => ({ name, off: relativeL2(own[name]!, theirs[name]!) }));
  const isUpdated = ({ name }: { name: string }): boolean => updated?.test(name) ?? false;
  const groups = [
    { of: offs.filter((o) => !isUpdated(o)), most: LARGEST_ERROR, when: "" },
    { of: offs.filter(isUpdated), most: AFTER_AN_UPDATE, when: ", after an update by " },
  ].filter(({ of }) => of.length > 0);
  const worst = groups.map(({ of, ...rest }) => ({ ...of.reduce((a, b) => (b.off > a.off ? b : a)), ...rest }));
  const said = worst.map(({ name, off, when }) => `${when}${off.toExponential(1)} (${name})`).join("");
  const checked = `PyTorch's results: off by ${said}`;
  return worst.every(({ off, most }) => off <= most) ? { checked } : { checked, wrong: checked };
}

export interface BesideRun extends Omit<Sides, "python"> {
  readonly software: boolean;
  narrate(line: string): void;
  /** Hears of the rows of each case as they come. */
  onRows(rows: readonly [Row, Row]): void;
}

/** All rows, and who was measured beside ours, in words. Throws UsageError where there is no PyTorch. */
export async function runBeside(
  words: readonly string[],
  options: BesideOptions,
  run: BesideRun,
): Promise<{ rows: Row[]; beside: string }> {
  const cases = torchCases(words, run.software, options);
  const { threads, why } = threadsHere();
  const python = await Python.start(options.python, threads);
  const beside = `PyTorch ${python.version} on the CPU, threads: ${python.threads} (${why})`;
  run.narrate(`beside ${beside}`);
  const rows: Row[] = [];
  try {
    for (const c of cases) {
      if (run.isStopped()) break;
      const made = await besideRows(c, { ...run, python });
      rows.push(...made);
      run.onRows(made);
    }
  } finally {
    python.end();
  }
  return { rows, beside };
}
