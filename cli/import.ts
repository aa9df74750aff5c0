// cmedl import: DICOM series and their contours as NIfTI images and label masks, in folders that train reads.
import type { Command } from "commander";
import { printable } from "../data/errors.ts";
import { type DicomTree, describe, patientWarnings, scanDicom } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { requireWritable } from "../node/files.ts";
import { type ImportPlan, faultsOf, planImport } from "../node/import/plan.ts";
import { type ImportManifest, MANIFEST, writeImport } from "../node/import/write.ts";
import { Narrator } from "../node/narrator.ts";

interface ImportFlags {
  out?: string;
  structure?: string[];
  list?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("<dicom>", "folder with DICOM files, at any depth, a DICOMDIR, or one file")
    .option("--out <folder>", "folder to write: ct/ and mr/ with a folder a patient, and import.json")
    .option(
      "--structure <pattern>",
      'a structure by name, such as "gtv*"; the first has label 1, the next 2, …',
      (pattern: string, all: string[] = []) => [...all, pattern],
    )
    .option("--list", "show series and structures, and write nothing")
    .option("--json", "print JSON: what import.json holds, or with --list the series")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Slices are sorted by their place; contours (RTSTRUCT) and segments (SEG) become label masks on the
image's grid. In a pattern * is any text and ? one character, whatever the capitals; structures of
one series that a pattern is for have one label. A series that has no such structure is passed over.
What can't be read, or is on no series, is passed over and said; the exit code is 3 then.
Nothing is overwritten; import.json tells which series each file came from, what was left out and
why. Patients' ids become folders' names.

Examples:
  cmedl import DICOM --list
  cmedl import DICOM --out data --structure "gtv*"
  cmedl train --student data/ct --teacher data/mr --out runs/first`,
    )
    .action(run);
}

async function run(source: string, flags: ImportFlags): Promise<void> {
  const { out, list, json, structure = [], quiet } = flags;
  if (list && (out !== undefined || structure.length > 0))
    throw new CommandError("usage", "--list writes nothing: leave it out, or --out and --structure");
  if (!list && out === undefined) throw new CommandError("usage", "name the folder to write by --out, or give --list");
  if (out !== undefined) await requireWritable(out);
  const narrator = new Narrator({ quiet });
  const tree = await scan(source, narrator);
  const unused = faultsOf(tree);
  for (const fault of unused) narrator.say(`passed over: ${fault.message}`);
  if (tree.images.length === 0) throw new CommandError("data", `${printable(source)}: holds no DICOM series of images`);
  if (out === undefined) {
    for (const { series } of tree.images) for (const warning of patientWarnings(series)) narrator.say(warning);
    process.stdout.write(json ? `${JSON.stringify(seriesRecords(tree), null, 2)}\n` : listing(tree));
    if (unused.length > 0) throw notAll(unused);
    return;
  }
  const plan = planImport(tree, structure);
  const bar = narrator.bar("series", plan.cases.length);
  const { manifest, failed } = await writeImport(plan, {
    source,
    out,
    onCase: ({ series }) => bar.advance(describe(series)),
    onWarning: (message) => narrator.say(message),
  });
  bar.done();
  summarize(plan, manifest, narrator);
  process.stdout.write(json ? `${JSON.stringify(manifest, null, 2)}\n` : `${out}\n`);
  if (failed > 0) throw new CommandError("data", `${failed} series could not be read; ${out}/${MANIFEST} tells why`);
  if (unused.length > 0) throw notAll(unused);
}

/** The end of an import that has done all but what it could not read. */
function notAll(faults: readonly Error[]): CommandError {
  const [{ message }, second] = faults as [Error, ...Error[]];
  const which = second
    ? `${faults.length} files or folders were passed over, of them the first`
    : "one file or folder was passed over";
  return new CommandError("data", `${which}: ${message}`);
}

async function scan(source: string, narrator: Narrator): Promise<DicomTree> {
  let said = performance.now();
  return scanDicom(source, (done, total) => {
    if (performance.now() - said < 5000) return;
    said = performance.now();
    narrator.say(`${done} of ${total} files looked at`);
  });
}

/** A line a series: patient, what it is, and its structures. */
function listing({ images }: DicomTree): string {
  return images
    .map(({ series, structures }) => {
      const names = structures.flatMap((set) => set.names).map((name) => printable(name, 60));
      return `${printable(series.patient.id, 60)}\t${describe(series)}\t${names.join(", ") || "no structures"}\n`;
    })
    .join("");
}

const seriesRecords = ({ images }: DicomTree): unknown[] =>
  images.map(({ series, structures }) => ({
    patient: series.patient.id,
    modality: series.modality,
    uid: series.uid,
    says: describe(series),
    structures: structures.flatMap((set) => set.names),
  }));

function summarize(plan: ImportPlan, { cases, leftOut }: ImportManifest, narrator: Narrator): void {
  const labels = plan.labels.map((pattern, i) => `${i + 1} ${printable(pattern, 40)}`);
  const said = labels.length > 0 ? `, labels ${labels.join(", ")}` : ", without masks";
  narrator.say(`${cases.length} series written${said}`);
  if (leftOut.length > 0) narrator.say(`${leftOut.length} series left out: import.json tells why`);
}
