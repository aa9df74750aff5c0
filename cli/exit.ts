// How an error leaves the command: an exit code and one clear sentence on stderr.

import { CommanderError } from "commander";
import { systemCode } from "../node/files.ts";
import { SideProcessError } from "../node/run/side-process.ts";

/** Exit codes by an error's `code`; what is not named here is unexpected, and 1. */
export const exitCodes: Readonly<Record<string, number>> = {
  "package-missing": 1,
  findings: 1,
  usage: 2,
  data: 3,
  config: 3,
  "state-dict": 3,
  "gpu-unavailable": 4,
  "feature-missing": 4,
  "limit-exceeded": 4,
  "device-lost": 4,
  "out-of-memory": 5,
  numerical: 6,
  file: 7,
  corrupt: 7,
  locked: 7,
  interrupted: 130,
};

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EACCES: "permission denied",
  EPERM: "not permitted",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of the path is no folder",
  EEXIST: "it exists already",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EMFILE: "too many files are open",
  ENOTEMPTY: "the folder is not empty",
};

/** Exit code and sentence for whatever a command threw; no sentence where it was printed already (help, version). */
export function exitOf(error: unknown): { exitCode: number; sentence: string } {
  if (error instanceof CommanderError) {
    const said = error.exitCode === 0 || error.code === "commander.help";
    const sentence = error.message.replace(/^error: /, "").replace(/\n\(Did you mean (.*)\?\)$/, "; did you mean $1?");
    return { exitCode: error.exitCode === 0 ? 0 : 2, sentence: said ? "" : sentence };
  }
  if (error instanceof SideProcessError) return { exitCode: error.exitCode, sentence: error.message };
  const { name, message, path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  const code = systemCode(error);
  if (syscall !== undefined && /^E[A-Z0-9]+$/.test(code)) {
    const why = fileErrors[code] ?? code;
    return { exitCode: 7, sentence: path === undefined ? `${syscall}: ${why}` : `${path}: ${why}` };
  }
  if (name === "AbortError") return { exitCode: 130, sentence: "interrupted" };
  const exitCode = exitCodes[code];
  if (exitCode !== undefined) return { exitCode, sentence: message };
  return { exitCode: 1, sentence: `unexpected error: ${message ?? String(error)} (CMEDL_DEBUG=1 shows where)` };
}
