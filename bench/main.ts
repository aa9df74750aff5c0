// npm run bench [-- filter …]: `cmedl bench` from a clone, which has other engines to measure beside ours.
import { writeFile } from "node:fs/promises";
import { Command, CommanderError } from "commander";
import { exitOf } from "../cli/exit.ts";
import { openNodeGpu } from "../node/gpu/open.ts";
import { bench } from "./bench.ts";
import { type CloneOptions, addCloneOptions, addOptions } from "./options.ts";
import { runPeers } from "./peers/peers.ts";
import { readReport, writeReport } from "./say/report-file.ts";
import { type Report, type Row, fileNameOf } from "./say/report.ts";
import { sideBySide } from "./say/table.ts";
import { standingCases } from "./standing.ts";

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

async function writeCases(file: string, words: readonly string[], options: CloneOptions): Promise<void> {
  const { choice } = await openNodeGpu({ device: options.device, quiet: true });
  const { scale, cases } = standingCases(words, choice.software, options);
  const told = cases.map(({ name, group, flops, bytes, torch }) => ({ name, group, flops, bytes, ...torch }));
  await writeFile(file, JSON.stringify({ scale, cases: told }));
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
  return bench(
    options.peers ? [] : words,
    options,
    { say, narrate },
    {
      otherRows: options.peers ? () => runPeers(words, options, say) : undefined,
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
