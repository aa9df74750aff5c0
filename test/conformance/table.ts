// What a run found, as a table by op: for a terminal and for docs/numerics.md.
import type { OpReport, SuiteReport } from "./run.ts";
import type { Tolerance } from "./suite.ts";

const errorText = (worst: number): string => (worst === 0 ? "0" : worst === Infinity ? "∞" : worst.toFixed(3));

/** "exact", or the widest relative and absolute tolerance among an op's values. */
export function toleranceText(tolerances: readonly Tolerance[]): string {
  const loose = tolerances.filter((t): t is { rtol: number; atol: number } => !("exact" in t));
  if (loose.length === 0) return "exact";
  const widest = (key: "rtol" | "atol"): string =>
    Math.max(...loose.map((t) => t[key]))
      .toExponential(0)
      .replace("e+0", "")
      .replace("e", "·10^");
  return `${widest("rtol")} rel, ${widest("atol")} abs`;
}

/** One line an op. Errors are shares of the tolerance: 1 is the limit. */
export function table({ ops }: SuiteReport): string {
  const width = Math.max(2, ...ops.map((r) => r.op.length));
  const line = ({ op, cases, failed, skipped, worst }: OpReport): string =>
    `${op.padEnd(width)} ${String(cases).padStart(6)} ${String(failed).padStart(7)} ${String(skipped).padStart(8)} ${errorText(worst).padStart(8)}`;
  return [`\n${"op".padEnd(width)}  cases  failed  skipped    worst (share of the tolerance)`, ...ops.map(line)].join(
    "\n",
  );
}

export function markdownTable({ ops }: SuiteReport): string {
  return [
    "| op | cases | tolerance | worst | source |",
    "|---|---|---|---|---|",
    ...ops.map(
      (r) =>
        `| ${r.op} | ${r.cases} | ${toleranceText(r.tolerances)} | ${errorText(r.worst)} | ${[...r.sources].sort().join(", ")} |`,
    ),
  ].join("\n");
}
