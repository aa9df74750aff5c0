// cmedl import: DICOM series and their contours as NIfTI images and label masks, in folders that train reads.
import type { Command } from "commander";
import { printable } from "../data/errors.ts";
import { type DicomTree, describe, filesOfDirectory, isDirectoryFile, scanDicom } from "../node/dataset/index.ts";
import { CommandError } from "../node/errors.ts";
import { requireWritable } from "../node/files.ts";
import { type ImportPlan, planImport } from "../node/import/plan.ts";
import { MANIFEST, writeImport } from "../node/import/write.ts";
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
    .argument("<dicom>", "folder with DICOM files, at any depth, or a DICOMDIR")
    .option("--out <folder>", "folder to write: ct/ and mr/ with a folder a patient, and import.json")
    .option(
      "--structure <pattern>",
      'a structure by name, such as "gtv*"; the first has label 1, the next 2, …',
      (pattern: string, all: string[] = []) => [...all, pattern],
    )
    .option("--list", "show series and structures, and write nothing")
    .option("--json", "with --list: print JSON")
    .option("-q, --quiet", "say nothing but errors")
    .addHelpText(
      "after",
      `
Slices are sorted by their place; contours (RTSTRUCT) and segments (SEG) become label masks on the
image's grid. In a pattern * is any text and ? one character, whatever the capitals; structures of
one series that a pattern is for have one label. A series that has no such structure is passed over.
What can't be read, or is on no series, is passed over and said; the exit code is 3 then.
Nothing is overwritten; import.json tells which series each file came from. Patients' ids become
folders' names.

Examples:
  cmedl import DICOM --list
  cmedl import DICOM --out data --structure "gtv*"
  cmedl train --student data/ct --teacher data/mr --out runs/first`,
    )
    .action(run);
}

async function run(source: string, flags: ImportFlags): Promise<void> {
  const { out, list, json, structure = [], quiet } = flags;
  if (!list && out === undefined) throw new CommandError("usage", "name the folder to write by --out, or give --list");
  if (out !== undefined) await requireWritable(out);
  const narrator = new Narrator({ quiet });
  const tree = await scan(source, narrator);
  const unused = [...tree.faults, ...tree.unmatched];
  for (const fault of unused) narrator.say(`passed over: ${fault.message}`);
  if (tree.images.length === 0) throw new CommandError("data", `${printable(source)}: holds no DICOM series of images`);
  if (list || out === undefined) {
    process.stdout.write(json ? `${JSON.stringify(seriesRecords(tree), null, 2)}\n` : listing(tree));
    if (unused.length > 0) throw notAll(unused.length);
    return;
  }
  const plan = planImport(tree, structure);
  const bar = narrator.bar("series", plan.cases.length);
  const result = await writeImport(plan, {
    source,
    out,
    onCase: ({ series }) => bar.advance(describe(series)),
    onWarning: (message) => narrator.say(message),
  });
  bar.done();
  summarize(plan, result, narrator);
  process.stdout.write(`${out}\n`);
  if (result.failed > 0)
    throw new CommandError("data", `${result.failed} series could not be read; ${out}/${MANIFEST} tells why`);
  if (unused.length > 0) throw notAll(unused.length);
}

/** The end of an import that has done all but what it could not read. */
const notAll = (count: number): CommandError =>
  new CommandError("data", `${count} files or folders were passed over, as said above`);

async function scan(source: string, narrator: Narrator): Promise<DicomTree> {
  const files = isDirectoryFile(source) ? await filesOfDirectory(source) : undefined;
  let said = performance.now();
  return scanDicom(source, {
    ...(files ? { files } : {}),
    onFile: (done, total) => {
      if (performance.now() - said < 5000) return;
      said = performance.now();
      narrator.say(`${done} of ${total} files looked at`);
    },
  });
}

/** A line a series: patient, what it is, and its structures. */
function listing({ images }: DicomTree): string {
  return images
    .map(({ series, structures }) => {
      const names = structures.flatMap((set) => set.names).map((name) => printable(name, 60));
      return `${printable(series.patient, 60)}\t${describe(series)}\t${names.join(", ") || "no structures"}\n`;
    })
    .join("");
}

const seriesRecords = ({ images }: DicomTree): unknown[] =>
  images.map(({ series, structures }) => ({
    patient: series.patient,
    modality: series.modality,
    uid: series.uid,
    says: describe(series),
    structures: structures.flatMap((set) => set.names),
  }));

function summarize(
  plan: ImportPlan,
  { cases, leftOut }: Awaited<ReturnType<typeof writeImport>>,
  narrator: Narrator,
): void {
  const labels = plan.labels.map((pattern, i) => `${i + 1} ${printable(pattern, 40)}`);
  const said = labels.length > 0 ? `, labels ${labels.join(", ")}` : ", without masks";
  narrator.say(`${cases.length} series written${said}`);
  if (leftOut.length > 0) narrator.say(`${leftOut.length} series left out: import.json tells why`);
}
