// What an adapter says of itself, as data and as markdown.
import { markdownTable } from "../bench/say/markdown.ts";

export interface AdapterFacts {
  readonly name: string;
  readonly isSoftware: boolean;
  /** What the browser reports of adapter and driver: vendor, architecture and the like, by name. */
  readonly told: Readonly<Record<string, string>>;
  readonly features: readonly { readonly name: string; readonly isUsed: boolean }[];
  /** What the adapter can, and what WebGPU promises on any. */
  readonly limits: readonly Limit[];
}

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly byDefault: number;
}

/** Sizes in binary units where they are whole: 4294967292 as it is, 268435456 as 256 MiB. */
export function showLimit({ name, value }: Pick<Limit, "name" | "value">): string {
  if (!/Size$/.test(name) || /Workgroup(Size|Dimension)/.test(name) || value < 1024) return value.toLocaleString("en");
  const [unit, bytes] =
    value % 2 ** 30 === 0 ? ["GiB", 2 ** 30] : value % 2 ** 20 === 0 ? ["MiB", 2 ** 20] : ["KiB", 2 ** 10];
  return value % bytes === 0 ? `${value / bytes} ${unit}` : `${value.toLocaleString("en")} B`;
}

export function adapterMarkdown({ name, isSoftware, told, features, limits }: AdapterFacts): string {
  return [
    `**${name}**${isSoftware ? " (a software renderer, no GPU)" : ""}`,
    Object.entries(told)
      .map(([what, value]) => `- ${what}: ${value}`)
      .join("\n"),
    `Features: ${features.map((f) => (f.isUsed ? `**${f.name}**` : f.name)).join(", ")} (in use: bold)`,
    markdownTable(
      ["limit", "here", "by default"],
      limits.map((limit) => [
        limit.name,
        limit.value === limit.byDefault ? showLimit(limit) : `**${showLimit(limit)}**`,
        showLimit({ name: limit.name, value: limit.byDefault }),
      ]),
    ),
    "",
  ].join("\n\n");
}
