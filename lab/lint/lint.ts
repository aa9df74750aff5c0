// Kernels checked without running one: their texts alone, at each value of their seams, as whole programs fuse them,
// and against what the host gives them.
import { type Kernel, type Traits, specialize } from "../../kernels/kernel.ts";
import { compiledFindings } from "./compile.ts";
import type { Finding, WgslFile } from "./finding.ts";
import type { Subject } from "../subject.ts";
import { planOf } from "./host.ts";
import { hookTypes } from "./hook-types.ts";
import { tooLargeWorkgroups } from "./limits.ts";
import { variantsOfFile, variantsOfKernel } from "./seams.ts";
import { unusedIn } from "./unused.ts";

/** A file of WGSL, and the kernels that are made of it; none where nothing declares one. */
export interface LintedFile extends WgslFile {
  readonly kernels: readonly Kernel[];
  /** Texts of the family's other kernels. */
  readonly family: readonly string[];
}

/** As many modules are compiled at once. */
const AT_ONCE = 32;

/** One of each: the same place and words come from many variants. */
class Findings {
  readonly #found = new Map<string, Finding>();

  add(findings: readonly Finding[]): void {
    for (const f of findings) {
      const key = [f.file, f.line, f.column, f.rule, f.message].join("|");
      if (!this.#found.has(key)) this.#found.set(key, f);
    }
  }
  get all(): Finding[] {
    return [...this.#found.values()].sort(
      (a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
    );
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE) await Promise.all(items.slice(i, i + AT_ONCE).map(work));
}

/**
 * Files by themselves: what is unused in them, and what `device` says of each variant. The device has the limits that
 * every device has.
 */
export async function lintFiles(device: GPUDevice, files: readonly LintedFile[]): Promise<Finding[]> {
  const found = new Findings();
  const texts = new Set<string>();
  const modules = files.flatMap((file) => {
    const variants = [
      ...variantsOfFile(file.source, file.kernels).map((v) => ({ ...v, source: file.source })),
      ...file.kernels.flatMap((k) => variantsOfKernel(k).map((v) => ({ ...v, source: k.source }))),
    ];
    return variants.flatMap(({ name, seams, source }) => {
      const code = specialize(source, seams);
      if (texts.has(code)) return [];
      texts.add(code);
      return [{ file, code, name }];
    });
  });
  for (const file of files) found.add([...unusedIn(file, file.family), ...hookTypes(file)]);
  await inTurns(modules, async ({ file, code, name }) => {
    found.add(await compiledFindings(device, file, code, name));
  });
  for (const file of files)
    if (found.all.some((f) => f.file === file.file && f.rule === "compile")) found.add(tooLargeWorkgroups(file));
  return found.all;
}

/** Devices that plans are made for: each kind chooses other kernels. */
export const PLANNED_FOR: Readonly<Record<string, Traits>> = {
  "CPU adapter": { cpu: true, f16: false, subgroups: true, lanes: 8 },
  "GPU with subgroups": { cpu: false, f16: true, subgroups: true },
  "any device": { cpu: false, f16: false, subgroups: false },
};

/**
 * Kernels as whole programs fuse them, on each kind of device: what the op gives them, and what `device` says of the
 * assembled text, at the place in the kernel's file.
 */
export async function lintPrograms(
  device: GPUDevice,
  programs: readonly Subject[],
  files: readonly LintedFile[],
  onProgram: (name: string) => void = () => {},
): Promise<Finding[]> {
  const found = new Findings();
  const kernels = files.flatMap((f) => f.kernels);
  const byKernel = new Map(files.flatMap((file) => file.kernels.map((k) => [k, file] as const)));
  const fileOf = (kernel: Kernel): WgslFile =>
    byKernel.get(kernel) ?? { file: `${kernel.name}.wgsl`, source: kernel.source };
  const texts = new Set<string>();
  for (const [where, traits] of Object.entries(PLANNED_FOR)) {
    for (const program of programs) {
      onProgram(`${program.name}, ${where}`);
      const { dispatches, findings } = planOf(program, traits, fileOf, kernels);
      found.add(findings.filter((f) => files.some(({ file }) => file === f.file)));
      const fresh = dispatches.filter(
        ({ code, kernel }) => !texts.has(code) && texts.add(code) && byKernel.has(kernel),
      );
      await inTurns(fresh, async ({ kernel, code, label }) => {
        found.add(await compiledFindings(device, fileOf(kernel), code, `${program.name}: ${label}`));
      });
    }
  }
  return found.all;
}
