// All kernels of a clone as a table, from their headers and declarations.
import { basename, dirname } from "node:path";
import type { LintedFile } from "../../lab/lint/lint.ts";

export interface ListedKernel {
  readonly family: string;
  /** Names of the kernels that are made of the file, beginning with its own. */
  readonly names: readonly string[];
  /** Its first sentence: what is computed. */
  readonly formula: string;
  /** What the header says behind "Layouts:" and "Needs:"; absent where it says nothing. */
  readonly layouts?: string;
  readonly needs?: string;
  /** Values of tunables, the default first. */
  readonly tunables: Readonly<Record<string, readonly number[]>>;
}

/** The comment that a kernel's text begins with, as one line; a formula that ends its line ends a sentence. */
const headerOf = (source: string): string =>
  source
    .split("\n")
    .filter((line) => !/^(enable|requires|diagnostic)\b/.test(line))
    .join("\n")
    .match(/^(\/\/.*\n)*/)![0]
    .replace(/^\/\/ ?/gm, "")
    .replace(/([\])])\n(?=[A-Z][a-z]* )/g, "$1. ")
    .replace(/\s+/g, " ")
    .trim();

/** What stands behind a word of the header, to the end of its sentence. */
const behind = (header: string, word: string): string | undefined =>
  new RegExp(`${word}: (.*?)\\.(?: [A-Z]|$)`).exec(header)?.[1];

/** Of each file with kernels, in the order of their names. */
export function listKernels(files: readonly LintedFile[]): ListedKernel[] {
  return files
    .filter(({ kernels }) => kernels.length > 0)
    .map(({ file, source, kernels }): ListedKernel => {
      const header = headerOf(source);
      const layouts = behind(header, "Layouts");
      const needs = behind(header, "Needs");
      const own = basename(file, ".wgsl");
      const names = [...new Set(kernels.map(({ name }) => name))].sort((a, b) => a.length - b.length);
      return {
        family: basename(dirname(file)),
        names: names.includes(own) ? names : [own, ...names],
        formula: /^.*?[.:;](?= |$)/.exec(header)?.[0].replace(/[.:;]$/, "") ?? header,
        ...(layouts === undefined ? {} : { layouts }),
        ...(needs === undefined ? {} : { needs }),
        tunables: kernels.find(({ tunables }) => tunables)?.tunables ?? {},
      };
    });
}
