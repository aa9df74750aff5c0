// `cmedl models`: every network with what it holds and what a forward pass costs, counted without a GPU.
import { type Command, InvalidArgumentError } from "commander";
import { bringTraining } from "../engine/grad.ts";
import { type Module, type Tensor, input } from "../engine/index.ts";
import { Trace, withTrace } from "../engine/trace.ts";
import { costOf } from "../models/cost.ts";
import { ZOO } from "../models/zoo.ts";
import type { ZooRow } from "../models/zoo-row.ts";

export interface ModelRow {
  name: string;
  /** Where the paper, or who, shows it. */
  figure: string;
  parameters: number;
  /** Of these, values that are never trained: running statistics are not counted. */
  frozen: number;
  /** Of a forward pass on `images` images. */
  gmac: number;
  activationMB: number;
  images: number;
}

/** Every network at full width, on square images of `size` pixels, a multiple of 32. */
export function modelRows(size: number): ModelRow[] {
  bringTraining();
  return Object.entries(ZOO).map(([name, row]) => {
    const network = row.atFullWidth();
    const frozen = frozenValues(network);
    // Traced as in training, where a batch norm is one node; no number of it is ever computed.
    const outputs = withTrace(new Trace("train"), () => outputsOf(row, network, size));
    const { macs, activationBytes } = costOf(outputs, row.cost?.byFunction);
    return {
      name,
      figure: row.figure,
      parameters: network.parameterCount() + frozen,
      frozen,
      gmac: macs / 1e9,
      activationMB: activationBytes / 1e6,
      images: row.cost?.images ?? 1,
    };
  });
}

/** What a forward pass on images of a size gives; nothing where they are too small for the network. */
function outputsOf<M extends ReturnType<ZooRow["atFullWidth"]>>(
  row: ZooRow<M>,
  network: M,
  size: number,
): readonly Tensor[] {
  const { cost = {} } = row;
  if (size < (cost.smallest ?? 0)) return [];
  const shapes = cost.inputShapes?.(size) ?? row.inputShapes(network, size);
  const inputs = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, input(name, shape)]));
  if (cost.traced) return cost.traced(network, inputs);
  const y = row.forward(network, inputs);
  return "shape" in y ? [y as Tensor] : Object.values(y);
}

function frozenValues(network: Module): number {
  let frozen = 0;
  for (const [path, variable] of network.variables())
    if (!variable.trainable && !path.includes("running")) frozen += variable.size;
  return frozen;
}

function sizeOf(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 32 || size > 4096 || size % 32 !== 0)
    throw new InvalidArgumentError(
      "it must be a multiple of 32 from 32 to 4096: the deepest network halves it five times.",
    );
  return size;
}

const ABOUT = `
Activations are the outputs of all layers in f32, one forward pass of one image (of two for encoders of two domains), \
as the
references' classes have layers: VGG's ReLUs and pools and MRRN's doublings between stages are function calls there.
What a program really holds is less: it fuses layers and reuses memory.`;

export function register(command: Command): void {
  command
    .option("--size <pixels>", "width and height of the images", sizeOf, 256)
    .option("--json", "print JSON")
    .addHelpText("after", ABOUT)
    .action(({ size, json }: { size: number; json?: boolean }) => {
      const rows = modelRows(size);
      process.stdout.write(json ? `${JSON.stringify({ size, networks: rows }, null, 2)}\n` : table(rows, size));
    });
}

/** Columns by their heads; the first and the last are set to the left. */
const HEADS = ["network", "parameters", "GMAC", "activations MB", "images", "paper"] as const;

function table(rows: readonly ModelRow[], size: number): string {
  // DRIT's discriminators have no output for small images.
  const cells = rows.map((r) => [
    r.name,
    r.parameters.toLocaleString("en-US") + (r.frozen ? " frozen" : ""),
    r.gmac ? r.gmac.toFixed(1) : "–",
    r.gmac ? r.activationMB.toFixed(0) : "–",
    String(r.images),
    r.figure,
  ]);
  const all: (readonly string[])[] = [HEADS, ...cells];
  const widths = HEADS.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const isText = (column: number): boolean => column === 0 || column === HEADS.length - 1;
  const lineOf = (row: readonly string[]): string =>
    widths.map((width, i) => (isText(i) ? row[i]!.padEnd(width) : row[i]!.padStart(width))).join("  ");
  return `${all.map((row) => lineOf(row).trimEnd()).join("\n")}\n\none forward pass at ${size} × ${size}\n`;
}
