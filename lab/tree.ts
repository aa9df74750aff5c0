// A timeline's stages as a tree of layers, each with its kernels.
import { GRADIENT_OF } from "../engine/grad.ts";
import { type KernelShare, byKernel, type Stage, type Timeline } from "./timeline.ts";

/** What the stages of a layer, and of those within it, take together. */
export interface LayerShare {
  /** Its name within the layer above: "conv1". */
  readonly name: string;
  readonly path: string;
  readonly launches: number;
  readonly flops: number;
  readonly bytes: number;
  /** Absent where the device tells no times. */
  readonly timeUs?: number;
  /** Of these, of its gradients. */
  readonly gradientUs?: number;
  /** Between its stages and those before each. */
  readonly gapUs?: number;
  /** Of the sum of all stages, 0 … 1. */
  readonly share?: number;
  readonly layers: readonly LayerShare[];
  /** Of the stages of this layer itself. */
  readonly kernels: readonly KernelShare[];
}

/** Where stages stand that no module made: losses, and what updates the parameters. */
export const OUTSIDE = "outside of layers";
export const UPDATE = "update of parameters";

/** The layer that a stage is of, and whether it is a gradient there. */
export function layerOf({ site, kernel }: Pick<Stage, "site" | "kernel">): { path: string; isGradient: boolean } {
  if (site === undefined) return { path: kernel.startsWith("adam") ? UPDATE : OUTSIDE, isGradient: false };
  let path = site;
  while (path.startsWith(GRADIENT_OF)) path = path.slice(GRADIENT_OF.length);
  return { path, isGradient: path !== site };
}

/** All of a timeline: the root's layers are its networks. */
export function layerTree(timeline: Pick<Timeline, "name" | "stages" | "sumUs">): LayerShare {
  const { name, stages, sumUs } = timeline;
  const placed = stages.map((stage) => ({ stage, ...layerOf(stage) }));
  const build = (own: string, path: string, within: typeof placed): LayerShare => {
    const start = path === "" ? "" : `${path}.`;
    // Names in the order of the stages.
    const names = [
      ...new Set(within.filter((s) => s.path !== path).map((s) => s.path.slice(start.length).split(".")[0]!)),
    ];
    const sum = (of: (s: (typeof placed)[number]) => number): number => within.reduce((n, s) => n + of(s), 0);
    const timeUs = sum(({ stage }) => stage.timeUs ?? 0);
    const times =
      sumUs === undefined
        ? {}
        : {
            timeUs,
            gradientUs: sum(({ stage, isGradient }) => (isGradient ? (stage.timeUs ?? 0) : 0)),
            gapUs: sum(({ stage }) => stage.gapUs ?? 0),
            share: sumUs > 0 ? timeUs / sumUs : 0,
          };
    const here = within.filter((s) => s.path === path).map((s) => s.stage);
    return {
      name: own,
      path,
      launches: within.length,
      flops: sum(({ stage }) => stage.flops),
      bytes: sum(({ stage }) => stage.bytes),
      ...times,
      layers: names.map((child) => {
        const childPath = `${start}${child}`;
        return build(
          child,
          childPath,
          within.filter((s) => s.path === childPath || s.path.startsWith(`${childPath}.`)),
        );
      }),
      kernels: byKernel({ stages: here, ...(sumUs === undefined ? {} : { sumUs }) }),
    };
  };
  return build(name, "", placed);
}

const MICROSECONDS = (us: number | undefined): string => (us === undefined ? "–" : us.toFixed(us < 100 ? 1 : 0));
/** The columns of a tree's rows. */
export const LAYER_HEADS = ["µs", "share", "gradient µs", "gaps µs", "launches", "GFLOP", "MB"] as const;
const WIDTHS = [10, 7, 11, 9, 8, 9, 9] as const;

/** What a layer, or a kernel within one, has in them. */
export function layerCells(row: LayerShare | KernelShare): string[] {
  const { timeUs, share, launches, flops, bytes } = row;
  const { gradientUs, gapUs } = row as Partial<LayerShare>;
  return [
    MICROSECONDS(timeUs),
    share === undefined ? "–" : `${(100 * share).toFixed(1)} %`,
    gradientUs === undefined ? "" : MICROSECONDS(gradientUs),
    gapUs === undefined ? "" : MICROSECONDS(gapUs),
    String(launches),
    (flops / 1e9).toFixed(3),
    (bytes / 1e6).toFixed(2),
  ];
}

/** The tree a line a layer, to `depth` levels of layers; a layer's kernels stand in it, where it is not folded. */
export function treeText(root: LayerShare, depth = Infinity): string {
  const lines: (readonly [name: string, cells: readonly string[]])[] = [];
  const visit = (layer: LayerShare, level: number): void => {
    lines.push([`${"  ".repeat(level)}${layer.name}`, layerCells(layer)]);
    if (level >= depth) return;
    for (const child of layer.layers) visit(child, level + 1);
    for (const kernel of layer.kernels) lines.push([`${"  ".repeat(level + 1)}· ${kernel.kernel}`, layerCells(kernel)]);
  };
  visit(root, 0);
  const width = Math.max(...lines.map(([name]) => name.length));
  const line = (name: string, row: readonly string[]): string =>
    `${name.padEnd(width)} ${row.map((cell, i) => cell.padStart(WIDTHS[i]!)).join(" ")}`.trimEnd();
  return [line("", LAYER_HEADS), ...lines.map(([name, row]) => line(name, row))].join("\n");
}
