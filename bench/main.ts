// npm run bench [-- filter …]: `cmedl bench` from a clone, which has other engines to measure beside ours.
import { writeFile } from "node:fs/promises";
import { Command, CommanderError } from "commander";
import { exitOf } from "../cli/exit.ts";
import { openNodeGpu } from "../node/gpu/open.ts";
import { type Machine, type OtherRows, bench, commandOf, stopOnSignals } from "./bench.ts";
import { type CloneOptions, addCloneOptions, addOptions } from "./options.ts";
import { runPeers } from "./peers/peers.ts";
import { BESIDE_HEADS, besideCells, besideMean } from "./say/beside.ts";
import { readReport, writeReport } from "./say/report-file.ts";
import { type Report, type Row, fileNameOf } from "./say/report.ts";
import { columns, sideBySide } from "./say/table.ts";
import { standingCases } from "./standing.ts";
import { runBeside, torchCases } from "./torch/beside.ts";

const say = (line = ""): void => void process.stdout.write(`${line}\n`);
const narrate = (line: string): void => void process.stderr.write(`${line}\n`);

/** Rows of both, the new ones in place of the old of the same name. */
const merged = (old: readonly Row[], now: readonly Row[]): Row[] => {
  const names = new Set(now.map((r) => r.name));
  return [...old.filter((r) => !names.has(r.name)), ...now];
};

async function save(report: Report): Promise<void> {
  const file = `bench/results/${fileNameOf(report.adapter)}`;
  const old = await readReport(file).catch(() => undefined);
  await writeReport(file, { ...old, ...report, rows: merged(old?.rows ?? [], report.rows) });
  say(`written to ${file}`);
}

const isSoftware = async ({ device }: CloneOptions): Promise<boolean> =>
  (await openNodeGpu({ device, quiet: true })).choice.software;

async function writeCases(file: string, words: readonly string[], options: CloneOptions): Promise<void> {
  const { cases } = standingCases(words, await isSoftware(options), options);
  const known = cases.filter((c) => c.torch);
  const told = known.map(({ name, group, flops, bytes, torch }) => ({ name, group, flops, bytes, ...torch }));
  await writeFile(file, JSON.stringify({ cases: told }));
}

/** Ours beside PyTorch: a line a case as it comes, then the table. */
async function besidePyTorch(words: readonly string[], options: CloneOptions, machine: Machine): Promise<OtherRows> {
  const { gpu, driverMs, choice } = machine;
  const { seconds } = options;
  const { rows, beside } = await runBeside(words, options, {
    ...{ gpu, driverMs, seconds, narrate, software: choice.software, isStopped: stopOnSignals() },
    onRows: (made) => {
      for (const cells of besideCells(made)) narrate(`${cells.join("  ")}  ${made[1].checked ?? ""}`);
    },
  });
  say(`beside ${beside}`);
  for (const line of columns([BESIDE_HEADS, ...besideCells(rows)])) say(line);
  const mean = besideMean(rows);
  if (mean) say(mean);
  return { rows, beside, command: commandOf("npm run bench -- --torch-cpu", words, options) };
}

async function main(args: readonly string[]): Promise<number> {
  const command = new Command("bench").description("Times kernels, networks and steps on this machine's device.");
  addCloneOptions(addOptions(command)).exitOverride();
  await command.parseAsync(args, { from: "user" });
  const options = command.opts<CloneOptions>();
  const { args: words } = command;
  process.env.CMEDL_DEVICE = options.device ?? process.env.CMEDL_DEVICE ?? "";
  if (options.cases) {
    await writeCases(options.cases, words, options);
    return 0;
  }
  if (options.torchCpu && options.list) {
    for (const c of torchCases(words, await isSoftware(options), options)) say(`${c.group.padEnd(8)} ${c.name}`);
    return 0;
  }
  const isOther = options.peers || options.torchCpu;
  return bench(
    isOther ? [] : words,
    options,
    { say, narrate },
    {
      otherRows: options.torchCpu
        ? (machine) => besidePyTorch(words, options, machine)
        : options.peers
          ? async () => ({ rows: await runPeers(words, options, say) })
          : undefined,
      async after(report) {
        if (options.save) await save(report);
        if (options.torch) for (const line of sideBySide(report, await readReport(options.torch))) say(line);
      },
    },
  );
}

// Dawn keeps the event loop alive.
main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    const { exitCode, sentence } = exitOf(error);
    console.error(process.env.CMEDL_DEBUG && error instanceof Error ? error.stack : sentence);
    process.exit(exitCode);
  },
);
