// What a soak prints of its experiments: a line each as they end, a table of goals, and the same as Markdown.
import type { Goal, Outcome } from "./soak.ts";

export interface Row extends Outcome {
  readonly name: string;
  readonly tries: string;
  readonly seconds: number;
}

const counted = (n: number): string => n.toLocaleString("en");

/** "200 SIGKILLs: 203", "short of 200 SIGKILLs: 29" */
const goalText = ({ wanted, reached, met }: Goal): string => `${met ? "" : "short of "}${wanted}: ${reached}`;

const metText = ({ goals }: Row): string =>
  goals.length === 0 ? "" : goals.every(({ met }) => met) ? "met" : "short of its goal";

/** A row of a table whose columns are as wide as these. */
const line = (cells: readonly string[]): string =>
  [cells[0]!.padEnd(16), cells[1]!.padStart(9), cells[2]!.padStart(7), cells[3]!.padStart(8), ` ${cells[4]}`].join(" ");

const numbersOf = ({ name, tried, failed, seconds }: Row): string[] => [
  name,
  counted(tried),
  counted(failed.length),
  seconds.toFixed(0),
];

/** An experiment that ended: its row, figures and failures. */
export function rowText(row: Row): string {
  const lines = [
    line([...numbersOf(row), row.tries]),
    ...row.notes.map((note) => `    ${note}`),
    ...row.goals.map((goal) => `    goal ${goalText(goal)}`),
    ...row.failed.slice(0, 20).map((failure) => `    FAILED ${failure}`),
  ];
  return lines.join("\n");
}

/** All experiments, with whether their goals were met. */
export function tableText(rows: readonly Row[]): string {
  const goals = rows.flatMap((row) => row.goals);
  const failed = rows.reduce((n, r) => n + r.failed.length, 0);
  const tried = rows.reduce((n, r) => n + r.tried, 0);
  return [
    line(["experiment", "tried", "failed", "seconds", "goals"]),
    ...rows.map((row) => line([...numbersOf(row), row.goals.map(goalText).join("; ")])),
    "",
    `${counted(tried)} tried, ${counted(failed)} failed; ${goals.filter(({ met }) => met).length} of ${goals.length} goals met`,
  ].join("\n");
}

/** The table of docs/reliability.md. */
export function tableMarkdown(rows: readonly Row[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.map((c) => c.replaceAll("|", "\\|")).join(" | ")} |`;
  const failures = ({ failed }: Row): string =>
    failed.length === 0 ? "0" : `${failed.length}: ${failed[0]!.slice(0, 200)}`;
  return [
    row(["experiment", "tried", "failed", "seconds", "figures", "goal: reached", ""]),
    "|---|---|---|---|---|---|---|",
    ...rows.map((r) =>
      row([
        `\`${r.name}\``,
        counted(r.tried),
        failures(r),
        r.seconds.toFixed(0),
        r.notes.join("; "),
        r.goals.map(({ wanted, reached }) => `${wanted}: ${reached}`).join("; "),
        metText(r),
      ]).replaceAll("\n", " "),
    ),
    "",
  ].join("\n");
}
