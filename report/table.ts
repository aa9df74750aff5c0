// A table of texts: for a terminal, as Markdown, as CSV.

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  /** Rows in groups, which a rule or the first column's name divides. The first column is the group's name. */
  readonly groups: readonly { readonly name: string; readonly rows: readonly (readonly string[])[] }[];
}

const width = (s: string): number => [...s].length;

/** Lines of at most what the cells need: the first two columns to the left, the others to the right. */
export function tableText({ title, head, groups }: Table): string {
  const lines = [head, ...groups.flatMap(named)];
  const columns = head.map((_, c) => Math.max(...lines.map((l) => width(l[c] ?? ""))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((s, c) => {
        const space = " ".repeat(columns[c]! - width(s));
        return c < 2 ? s + space : space + s;
      })
      .join("  ")
      .trimEnd();
  const rule = "─".repeat(columns.reduce((s, w) => s + w + 2, -2));
  return [title, rule, line(head), ...groups.flatMap((g) => [rule, ...named(g).map(line)]), rule].join("\n");
}

/** A table as GitHub-flavoured Markdown. */
export function tableMarkdown({ title, head, groups }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((s) => s.replace(/\|/g, "\\|")).join(" | ")} |`;
  return [
    `**${title}**`,
    "",
    line(head),
    line(head.map((_, c) => (c < 2 ? "---" : "---:"))),
    ...groups.flatMap((g) => named(g).map(line)),
  ].join("\n");
}

/** RFC 4180: cells with commas, quotes or line ends in quotes. */
export function csv(rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (v: string | number | null): string => {
    const text = v === null || (typeof v === "number" && Number.isNaN(v)) ? "" : String(v);
    return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  return rows.map((r) => `${r.map(cell).join(",")}\n`).join("");
}

const named = ({ name, rows }: Table["groups"][number]): string[][] => rows.map((r, i) => [i === 0 ? name : "", ...r]);
