// npm run bench [-- filter …]: times kernels, networks and steps on this machine's device. See --help.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { CommanderError } from "commander";
import { describeChoice, openNodeGpu, profilingFeatures } from "../node/gpu/open.ts";
import { Device, type GpuOptions, MemoryBudgetError } from "../engine/index.ts";
import { type Case, matches } from "./case.ts";
import { compareReports, isRegression } from "./compare.ts";
import { FULL, QUICK, runCase } from "./harness.ts";
import { kernelCases } from "./kernel-cases.ts";
import { networkCases } from "./network-cases.ts";
import { paperLayers } from "./networks.ts";
import { type Options, command } from "./options.ts";
import { measurePeaks } from "./peaks.ts";
import { runPeers } from "./peers.ts";
import { type Report, type Row, fileNameOf } from "./report.ts";
import { type Planned, comparisonLines, head, planLines, rowLine, sideBySide } from "./table.ts";

const say = (line = ""): void => void process.stdout.write(`${line}\n`);
const readReport = async (file: string): Promise<Report> => JSON.parse(await readFile(file, "utf8")) as Report;

async function write(file: string, report: Report): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  // A line a row: git shows what changed.
  const { rows, ...rest } = report;
  const top = JSON.stringify(rest, null, 2).slice(0, -2);
  await writeFile(file, `${top},\n  "rows": [\n${rows.map((r) => `    ${JSON.stringify(r)}`).join(",\n")}\n  ]\n}\n`);
}

/**
 * The command line without what says only where results go or what they are held against: those are paths of one
 * machine.
 */
const measuring = (args: readonly string[]): string =>
  args
    .filter(
      (a, i) => !/^--(json|save|compare|torch)(=|$)/.test(a) && !/^--(json|compare|torch)$/.test(args[i - 1] ?? ""),
    )
    .join(" ");

/** Rows of both, the new ones in place of the old of the same name. */
const merged = (old: readonly Row[], now: readonly Row[]): Row[] => {
  const names = new Set(now.map((r) => r.name));
  return [...old.filter((r) => !names.has(r.name)), ...now];
};

async function main(args: readonly string[]): Promise<number> {
  const program = command().exitOverride();
  await program.parseAsync(args, { from: "user" });
  const options = program.opts<Options>();
  const words = program.args;
  process.env.CMEDL_DEVICE = options.device ?? process.env.CMEDL_DEVICE ?? "";
  const { gpu, choice } = await openNodeGpu({ quiet: true, dawnFeatures: profilingFeatures });
  const { software } = choice;
  const limits = software
    ? { flops: options.quick ? 1.6e8 : 6.5e8, elements: options.quick ? 1 << 20 : 1 << 22 }
    : undefined;
  const small = software && !options.plan;
  const scale = { size: options.size ?? (small ? 64 : 256), batch: 2, share: small ? 0.25 : 1 };
  const cases: Case[] = [...kernelCases(paperLayers(), limits), ...networkCases(scale)].filter(
    (c) => matches(c, words) && (!options.quick || c.quick),
  );
  const deviceOptions: GpuOptions = options.winograd ? { traits: { winograd: options.winograd === "always" } } : {};
  if (options.plan) {
    using device = await Device.open(gpu, deviceOptions);
    const memoryBudget = options.budget && 1e6 * options.budget;
    const planned = cases.flatMap(({ name, estimate }): Planned[] => {
      if (!estimate) return [];
      try {
        return [{ name, estimate: estimate(device, memoryBudget) }];
      } catch (error) {
        if (!(error instanceof MemoryBudgetError)) throw error;
        return [{ name, least: error.bytes.reached }];
      }
    });
    for (const line of planLines(planned)) say(line);
    return 0;
  }
  if (options.list) {
    for (const c of cases) say(`${c.group.padEnd(8)} ${c.name}`);
    return 0;
  }
  if (options.cases) {
    await writeFile(
      options.cases,
      JSON.stringify({
        scale,
        cases: cases.map(({ name, group, flops, bytes, torch }) => ({ name, group, flops, bytes, ...torch })),
      }),
    );
    return 0;
  }
  say(describeChoice(choice));
  if (software && !options.peers)
    say(
      `A software adapter: kernels up to ${limits!.flops / 1e9} GFLOP, networks a quarter as wide at ${scale.size} × ${scale.size}; wall time.`,
    );
  const common = {
    engine: "cmedl",
    adapter: choice.name,
    software,
    date: new Date().toISOString(),
    command: `npm run bench -- ${measuring(args)}`.trim().replace(/ --$/, ""),
    host: `${cpus()[0].model} × ${cpus().length}, Node ${process.version}`,
  };
  const report: Report = options.peers ? { ...common, rows: await runPeers(words, options, say) } : await runOwn();
  if (report.rows.length === 0) {
    say(`no case has ${words.join(" and ")}; --list prints them`);
    return 2;
  }
  if (options.json) await write(options.json, report);
  if (options.save) {
    const file = `bench/results/${fileNameOf(choice.name)}`;
    const old = await readReport(file).catch(() => undefined);
    await write(file, { ...old, ...report, rows: merged(old?.rows ?? [], report.rows) });
    say(`written to ${file}`);
  }
  if (options.torch) for (const line of sideBySide(report, await readReport(options.torch))) say(line);
  if (options.compare) {
    const all = compareReports(await readReport(options.compare), report);
    say();
    for (const line of comparisonLines(all)) say(line);
    if (all.some(isRegression)) return 1;
  }
  return report.rows.some((r) => r.wrong && !options.peers) ? 1 : 0;

  async function runOwn(): Promise<Report> {
    const device = await Device.open(gpu);
    const gpuClock = device.gpu.timestamps && !software;
    const peaks = await measurePeaks(device);
    device.dispose();
    say(
      `peaks measured: ${peaks.gflops.toFixed(1)} GFLOP/s of fused multiply–adds, ${peaks.gbs.toFixed(1)} GB/s of a copy · kernels timed by ${gpuClock ? "GPU timestamps" : "wall clock"}\n`,
    );
    say(head());
    const rows: Row[] = [];
    // Ctrl-C keeps what is there: it is written and compared as ever.
    let stopped = false;
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.once(signal, () => {
        stopped = true;
      });
    for (const c of cases) {
      if (stopped) break;
      rows.push(await runCase(gpu, c, options.quick ? QUICK : FULL, peaks, gpuClock, deviceOptions));
      say(rowLine(rows.at(-1)!));
    }
    return { ...common, peaks, rows };
  }
}

// Dawn keeps the event loop alive.
main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    console.error(
      error instanceof Error ? (process.env.CMEDL_DEBUG ? error.stack : `${error.name}: ${error.message}`) : error,
    );
    process.exit(1);
  },
);
