// What is wrong with a kernel, and where in the file that its developer wrote.
import { positionOf } from "../wgsl/declarations.ts";

export type Rule =
  | "compile"
  | "limit"
  | "layout"
  | "unused-binding"
  | "unused-parameter"
  | "unused-function"
  | "unused-constant"
  | "host-side"
  | "hook-types"
  | "left-in"
  | "entry-point";

export interface Finding {
  readonly rule: Rule;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Characters that the caret underlines. */
  readonly length: number;
  readonly message: string;
  /** The line that it stands in: of the file, or of what was fused into a hook there. */
  readonly excerpt: string;
  /** Under which values of its seams, or in which program. */
  readonly variant?: string;
  /** How the compiler came to it. */
  readonly notes?: readonly string[];
}

/** A file of WGSL. */
export interface WgslFile {
  readonly file: string;
  readonly source: string;
}

/** A finding at an offset of a file. */
export function findingAt(
  { file, source }: WgslFile,
  rule: Rule,
  offset: number,
  length: number,
  message: string,
): Finding {
  const { line, column } = positionOf(source, offset);
  return { rule, file, line, column, length, message, excerpt: source.split("\n")[line - 1] ?? "" };
}

/** A finding as text: place, message, line and caret. */
export function findingText({ file, line, column, length, message, rule, excerpt, variant, notes }: Finding): string {
  const number = String(line).padStart(5);
  const caret = " ".repeat(Math.max(0, column - 1)) + "^".repeat(Math.max(1, length));
  return [
    `${file}:${line}:${column}: ${message} [${rule}]${variant ? ` (${variant})` : ""}`,
    `${number} | ${excerpt}`,
    `${" ".repeat(number.length)} | ${caret.slice(0, Math.max(column, excerpt.length + 1))}`,
    ...(notes ?? []).map((note) => `${" ".repeat(number.length)} = ${note}`),
  ].join("\n");
}
