// `cmedl bench OP --shape …`: what the command line asks for, and how it is printed.
import { readFile } from "node:fs/promises";
import { fileError } from "../node/files.ts";
import { readTuning } from "../node/gpu/tuning-file.ts";
import type { GpuSource } from "../engine/index.ts";
import type { Peaks } from "./measure/peaks.ts";
import { type Measuring, OpBench, type OpRequest } from "./op-bench.ts";
import { type Options, sizesOf } from "./options.ts";
import type { Row } from "./say/report.ts";
import { contestLines } from "./say/table.ts";
import { eachText, sayVerdict } from "./watch.ts";

/** The op as the flags say. Throws FileError. */
export async function requestOf(op: string, options: Options): Promise<OpRequest> {
  const { size, kernel, traits, variant: file } = options;
  return {
    op,
    sizes: sizesOf(options, pairOf(size)),
    kernel,
    variant: file === undefined ? undefined : { file, text: await textOf(file) },
    tunables: options.set,
    traits,
  };
}

/** Measures the op and prints its rows; with --watch until Ctrl-C, without rows at the end. */
export async function benchOp(
  request: OpRequest,
  options: Options,
  { gpu, driverMs, peaks }: { gpu: GpuSource; driverMs?: () => number; peaks: Peaks },
  { say, narrate }: { say(line: string): void; narrate(line: string): void },
): Promise<Row[]> {
  const { tuned } = await readTuning();
  const measuring = { driverMs, peaks, tuned, seconds: options.seconds, say: narrate };
  if (options.watch) return watchVariant(options.variant!, await OpBench.open(gpu, request, quickly(measuring)), say);
  using bench = await OpBench.open(gpu, request, measuring);
  const rows = await bench.rows();
  say(bench.asked.name);
  for (const line of contestLines(rows)) say(line);
  for (const { checked, wrong } of rows.slice(0, 1)) if (!wrong) say(`checked: ${checked}`);
  return rows.map((row) => ({ ...row, name: `${bench.asked.name} ${row.name}` }));
}

/** Seconds of a comparison while a file is watched: with compiling and checking, less than one from save to line. */
const WATCHED_SECONDS = 0.3;
const quickly = (measuring: Measuring): Measuring => ({ ...measuring, seconds: WATCHED_SECONDS, say: undefined });

/** Until Ctrl-C; no rows. */
async function watchVariant(file: string, bench: OpBench, say: (line: string) => void): Promise<Row[]> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  say(`${bench.asked.name}: ${file} against the shipped text at each save; Ctrl-C ends`);
  await eachText(file, (text) => sayVerdict(bench, text, say), stop.signal);
  bench[Symbol.dispose]();
  return [];
}

const textOf = (file: string): Promise<string> =>
  readFile(file, "utf8").catch((cause: unknown) => {
    throw fileError(file, cause);
  });

function pairOf(size: readonly number[] | undefined): readonly [number, number] | undefined {
  if (!size) return undefined;
  const [h, w = h] = size;
  return [h!, w!];
}
