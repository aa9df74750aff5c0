// The kernels' files of a clone, as their developer has them now: what is built or packed may be older, and has lost
// its comments.
import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { type Kernel, defineKernel } from "../../kernels/kernel.ts";
import { allKernels } from "../../kernels/index.ts";
import { withHalfFactors } from "../../kernels/subgroup-matrix.ts";
import type { LintedFile } from "../../lab/lint/lint.ts";

/** The folder of the clone that a path is in, if it is in one. */
export async function cloneAround(path: string): Promise<string | undefined> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(join(folder, "kernels/kernel.ts")).catch(() => undefined);
    if (found) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}

/** The name of the file that a kernel is made of: two for tensor cores are made of one. */
const fileNameOf = ({ name }: Kernel, names: ReadonlySet<string>): string =>
  names.has(name) ? name : name.replace(/-f16$/, "");

/**
 * Every kernel's file. In a clone kernels take their texts from there: what is compiled from then on is what stands
 * in the files. Elsewhere each has the text that was packed.
 */
export async function kernelFiles(folder: string | undefined): Promise<LintedFile[]> {
  if (folder === undefined)
    return allKernels.map((k) => ({ file: `${k.name}.wgsl (as packed)`, source: k.source, kernels: [k], family: [] }));
  const paths = (await readdir(join(folder, "kernels"), { recursive: true, encoding: "utf8" }))
    .filter((path) => path.endsWith(".wgsl"))
    .sort();
  const texts = await Promise.all(paths.map((path) => readFile(join(folder, "kernels", path), "utf8")));
  const names = new Set(paths.map((path) => basename(path, ".wgsl")));
  return paths.map((path, i) => {
    const source = texts[i]!;
    const name = basename(path, ".wgsl");
    const kernels = allKernels.filter((k) => fileNameOf(k, names) === name);
    for (const k of kernels) takeText(k, k.name === name ? source : withHalfFactors(source));
    const family = texts.filter((_, other) => other !== i && dirname(paths[other]!) === dirname(path));
    return { file: relative(process.cwd(), join(folder, "kernels", path)), source, kernels, family };
  });
}

/** Gives a kernel another text, and what is read from that: bindings, Params, seams. */
function takeText(kernel: Kernel, source: string): void {
  if (kernel.source !== source) Object.assign(kernel, defineKernel(kernel.name, { ...kernel, source }));
}
