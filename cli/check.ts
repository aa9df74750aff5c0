// cmedl check: folders of cases looked at before anything trains on them.
import type { Command } from "commander";
import { type CaseReport, type DataCheck, type SetReport, checkData } from "../node/check/check.ts";
import { CommandError } from "../node/errors.ts";
import { refuseOverwrite, writeAtomic } from "../node/files.ts";
import { Narrator } from "../node/narrator.ts";
import { planRun } from "../node/run/plan.ts";
import { loadRunSets } from "../node/run/sets.ts";
import { dryRun } from "../node/run/train.ts";
import { type RunEstimate, estimateText } from "../report/estimate.ts";
import { type Table, tableText } from "../report/table.ts";
import type { TrainConfig } from "../train/config/config.ts";
import { makeRegime } from "../train/regimes/make.ts";
import { type ConfigFlags, addConfigFlags, addPresetFlag, configFrom } from "./config-flags.ts";
import { type MemoryFlags, addMemoryFlags, memoryOptions } from "./memory-flags.ts";
import { addDeviceFlag, networkOpener } from "./open-device.ts";

interface CheckFlags extends ConfigFlags, MemoryFlags {
  student?: string;
  out?: string;
  force?: boolean;
  json?: boolean;
  estimate?: boolean;
  device?: string;
  quiet?: boolean;
}

export function register(command: Command): void {
  command.argument("[data]", "folder of the student's cases, as --student names it");
  addPresetFlag(command);
  addConfigFlags(command);
  addMemoryFlags(command)
    .option("--estimate", "compile what would be trained and do a few steps: memory of GPU and host, and time")
    .option("-o, --out <file>", "write all that was measured as JSON, such as fingerprint.json")
    .option("--force", "overwrite that file if it exists")
    .option("--json", "print all that was measured as JSON instead of the table");
  addDeviceFlag(command)
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Folders and flags are those of \`cmedl train\`; what is looked at and when it is a problem stands in
docs/formats.md. The table has a line a case; below it stand problems, which training refuses or is
misled by, and notes, which are worth knowing. Volumes are in memory one at a time.
Exit code 3 where there are problems, 0 with notes only. A folder of MR alone is one to check with
--teacher, or with --preset mri-only.

Examples:
  cmedl check data/ct
  cmedl check --student data/ct --teacher data/mr --out fingerprint.json
  cmedl check --student data/ct --teacher data/mr --preset cmedl --size 128 --width 32 --estimate`,
    )
    .action(check);
}

async function check(folder: string | undefined, flags: CheckFlags): Promise<void> {
  const { out, force, json, estimate } = flags;
  if (folder !== undefined && flags.student !== undefined)
    throw new CommandError("usage", `${folder} does not go with --student ${flags.student}: name the folder once`);
  const config = await configFrom(undefined, { ...flags, ...(folder !== undefined && { student: folder }) });
  const { inputs } = makeRegime(config);
  if (config.data.student === "" && config.data.teacher === "")
    throw new CommandError("usage", "no folder is named: give one, or --student and --teacher");
  if (estimate) requireAll(config, inputs.includes("xM"));
  if (out !== undefined && !force) await refuseOverwrite(out, "choose another name, or give --force");
  const narrator = new Narrator({ quiet: flags.quiet });

  const checked = await checkData(config, inputs, narrator);
  const problems = checked.findings.filter(({ gravity }) => gravity === "problem");
  if (estimate && problems.length > 0) narrator.say("nothing is estimated: there are problems");
  const taken = estimate && problems.length === 0 ? await estimateRun(config, narrator, flags) : undefined;
  const record = { ...checked, ...(taken && { estimate: taken }) };
  const text = `${JSON.stringify(record, null, 2)}\n`;
  if (out !== undefined) await writeAtomic(out, text);
  process.stdout.write(json ? text : checkText(record));
  if (problems.length > 0)
    throw new CommandError("data", `${problems.length} ${problems.length === 1 ? "problem" : "problems"} in the data`);
}

/** Throws CommandError where an estimate lacks a folder. */
function requireAll({ data, regime }: TrainConfig, needsTeacher: boolean): void {
  if (data.student === "") throw new CommandError("usage", "--estimate needs --student, which is missing");
  if (needsTeacher && data.teacher === "")
    throw new CommandError("usage", `--estimate needs --teacher, which is missing: ${regime} learns from one`);
}

async function estimateRun(asked: TrainConfig, narrator: Narrator, flags: CheckFlags): Promise<RunEstimate> {
  const { config, sources } = await planRun(asked, undefined, narrator);
  using sets = await loadRunSets(config, sources, narrator, await memoryOptions(flags, undefined));
  using device = await networkOpener(narrator, flags.device)();
  return await dryRun(device, { config, sets, narrator }); // The device is open until then.
}

/** The table, and below it what was found. */
function checkText(checked: DataCheck & { readonly estimate?: RunEstimate }): string {
  const { sets, findings, splitBy, estimate } = checked;
  const parts = sets.map((set) => tableText(tableOf(set)));
  if (splitBy !== null) parts.push(`Split: ${splitBy}.`);
  for (const [gravity, title] of [
    ["problem", "Problems"],
    ["note", "Notes"],
  ] as const) {
    const lines = findings.filter((f) => f.gravity === gravity).map(({ message }) => `- ${message}.`);
    parts.push(lines.length > 0 ? [`${title}:`, ...lines].join("\n") : `${title}: none.`);
  }
  if (estimate) {
    const text = estimateText(estimate);
    parts.push(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
  }
  return `${parts.join("\n\n")}\n`;
}

function tableOf({ role, folder, layout, cases, unread }: SetReport): Table {
  const count = `${cases.length + unread.length} cases`;
  const head = ["", "case", "patient", "voxels", "mm", "stored", "values", "median", "labels", "split"];
  const rows = [...cases.map(cellsOf), ...unread.map((id) => [id, "not read"])];
  return { title: `${folder}: ${layout}, ${count}`, head, groups: [{ name: role, rows }] };
}

function cellsOf({ id, patient, shape, spacingMm, orientation, values, labels, split }: CaseReport): string[] {
  const shown = (v: number): string => String(Number(v.toPrecision(4)));
  const ml = labels?.map((l) => `${l.label}: ${shown(l.ml)} ml`) ?? [];
  const ofLabels = labels === undefined ? "not read" : ml.length === 0 ? "none" : ml.join(", ");
  return [
    id,
    patient === id ? "" : patient,
    shape.join(" × "),
    spacingMm.map((mm) => String(Number(mm.toFixed(3)))).join(" × "),
    orientation ?? "?",
    values ? `${shown(values.least)} … ${shown(values.greatest)}` : "?",
    values ? shown(values.percentiles[values.percentiles.length >> 1]!) : "?",
    ml.length > 3 ? `${ml.length} labels` : ofLabels,
    split ?? "–",
  ];
}
