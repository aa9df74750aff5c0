// cmedl lint: kernels checked by Dawn's compiler, which needs no driver, and by what their texts say.
import { readFile, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { askedOfImages } from "../bench/cases/asked.ts";
import { type Finding, findingText } from "../lab/lint/finding.ts";
import { type LintedFile, lintFiles, lintPrograms } from "../lab/lint/lint.ts";
import { CommandError } from "../node/errors.ts";
import { openValidator } from "../node/gpu/validator.ts";
import { cloneAround, kernelFiles } from "../node/kernels/files.ts";
import { Narrator } from "../node/narrator.ts";
import { nearest } from "../train/config/check.ts";
import { PAPER_CONFIG } from "../train/config/config.ts";
import type { Subject } from "../lab/subject.ts";
import { modelSubject, opsSubject, regimeSubject } from "./subject.ts";

interface LintFlags {
  alone?: boolean;
  json?: boolean;
  quiet?: boolean;
}

export function register(command: Command): void {
  command
    .argument("[kernels...]", "names of kernels or families, or files of WGSL (default: every kernel)")
    .option("--alone", "only the files by themselves, not as networks' programs fuse them")
    .option("-q, --quiet", "say nothing but findings")
    .option("--json", "print the findings as JSON")
    .addHelpText(
      "after",
      `
Checks each file as it stands, at every value of its seams and every combination of its tunables, in each type of its
storage; then as training steps and inference of the paper's networks and ops of the bench fuse it, on three kinds of
device. Found are errors of types, barriers that not all threads reach, constant indices out of range, workgroups,
workgroup memory and bindings beyond what every device has, what nothing uses, and what op and kernel do not agree on.
In a clone the files in kernels/ are read as they are now. No GPU and no driver is needed. Leaves with 1 where anything
was found.

Examples:
  cmedl lint                                 every kernel
  cmedl lint conv2d matmul-tiled --alone     a family and a kernel, by themselves
  cmedl lint my-kernel.wgsl`,
    )
    .action(lint);
}

/**
 * Programs in which every kernel of the paper's networks is fused as in use, and ops of the bench, among which new
 * ones are; small images, for nothing is run.
 */
const programs = (): Subject[] => [
  modelSubject("unet", { pass: "inference", size: 64, width: 16 }),
  modelSubject("dense-fcn", { pass: "training", size: 64 }),
  modelSubject("mrrn", { pass: "training", size: 64, width: 16 }),
  regimeSubject({ ...PAPER_CONFIG, data: { ...PAPER_CONFIG.data, size: 64 } }, { pass: "training" }),
  opsSubject("the bench's ops of images", askedOfImages()),
];

async function lint(names: readonly string[], { alone, json, quiet }: LintFlags): Promise<void> {
  const narrator = new Narrator({ quiet: quiet || json });
  const all = await kernelFiles(await cloneAround(process.cwd()));
  const files = names.length > 0 ? (await Promise.all(names.map((name) => filesNamed(name, all)))).flat() : all;
  const device = await openValidator();
  narrator.say(`${files.length} files by themselves …`);
  const findings = await lintFiles(device, files);
  // What does not compile alone is reported once.
  const sound = files.filter(
    ({ file, kernels }) => kernels.length > 0 && !findings.some((f) => f.file === file && f.rule === "compile"),
  );
  if (!alone && sound.length > 0)
    findings.push(...(await lintPrograms(device, programs(), sound, (name) => narrator.say(`${name} …`))));
  device.destroy();
  if (json) process.stdout.write(`${JSON.stringify({ files: files.length, findings }, null, 2)}\n`);
  else process.stdout.write(findings.length > 0 ? `${findings.map(findingText).join("\n\n")}\n` : "");
  if (findings.length > 0) throw new CommandError("findings", told(findings));
  narrator.say(`${files.length} ${files.length === 1 ? "file" : "files"}, nothing found`);
}

function told(findings: readonly Finding[]): string {
  const files = new Set(findings.map((f) => f.file)).size;
  return `${findings.length} finding${findings.length === 1 ? "" : "s"} in ${files} file${files === 1 ? "" : "s"}`;
}

/** A kernel's file, those of a family, or a file of WGSL by its path. Throws CommandError. */
async function filesNamed(name: string, all: readonly LintedFile[]): Promise<LintedFile[]> {
  if (name.endsWith(".wgsl")) {
    const path = resolve(name);
    const source = await readFile(path, "utf8");
    const own = await Promise.all(all.map(async (f) => (await realPath(f.file)) === (await realPath(path))));
    const known = all.find((_, i) => own[i]);
    return [known ? { ...known, file: name } : { file: name, source, kernels: [], family: [] }];
  }
  const found = all.filter(
    ({ file, kernels }) => kernels.some((k) => k.name === name) || new RegExp(`(^|/)kernels/${name}/`).test(file),
  );
  if (found.length > 0) return found;
  const meant = nearest(
    name,
    all.flatMap(({ kernels }) => kernels.map((k) => k.name)),
  );
  throw new CommandError("usage", `there is no kernel or family "${name}"${meant ? `; did you mean ${meant}?` : ""}`);
}

const realPath = (path: string): Promise<string> => realpath(path).catch(() => path);
