// Results as files.
import { readFile } from "node:fs/promises";
import { CorruptFileError } from "../../engine/index.ts";
import { fileError, writeAtomic } from "../../node/files.ts";
import type { Report } from "./report.ts";

/** Throws FileError where it can't be read, CorruptFileError where it holds no results. */
export async function readReport(file: string): Promise<Report> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw fileError(file, cause);
  });
  const parsed = parse(text);
  if (!Array.isArray(parsed?.rows) || typeof parsed.adapter !== "string")
    throw new CorruptFileError(`${file}: holds no results of a bench; name a file that --json wrote`);
  return parsed as Report;
}

function parse(text: string): Partial<Report> | undefined {
  try {
    return JSON.parse(text) as Partial<Report>;
  } catch {
    return undefined;
  }
}

/** Whole or not at all; a line a row, so that git shows what changed. Throws FileError. */
export function writeReport(file: string, report: Report): Promise<void> {
  const { rows, ...rest } = report;
  const top = JSON.stringify(rest, null, 2).slice(0, -2);
  const lines = rows.map((r) => `    ${JSON.stringify(r)}`).join(",\n");
  return writeAtomic(file, `${top},\n  "rows": [\n${lines}\n  ]\n}\n`);
}
