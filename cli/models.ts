// `cmedl models`: every network with what it holds and what a forward pass costs, counted without a GPU.
import { type Command, InvalidArgumentError } from "commander";
import { type Tensor, input } from "../engine/index.ts";
import { Trace, withTrace } from "../engine/trace.ts";
import {
  AlphaNetwork,
  ContentDiscriminator,
  ContentEncoder,
  DenseFcn,
  Mrrn,
  MultiScaleDiscriminator,
  type Node,
  PatchDiscriminator,
  ResnetGenerator,
  StyleEncoder,
  StyleGenerator,
  UNet,
  Vgg,
  costOf,
} from "../models/index.ts";
import type { Module } from "../engine/index.ts";

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

interface Entry<M extends Module = Module> {
  name: string;
  figure: string;
  make: () => M;
  /** What a forward pass gives for images of a size. */
  run: (network: M, size: number) => readonly Tensor[];
  images?: number;
  /**
   * What the reference does by a function call, not by a layer: measured there layer by layer, its output is not
   * counted.
   */
  byFunction?: (node: Node) => boolean;
}

const image = (size: number, channels = 1): Tensor => input("image", [1, size, size, channels]);
const entry = <M extends Module>(e: Entry<M>): Entry => e as unknown as Entry;

/** Only convolutions are layers there. */
const isVggFunction = ({ op }: Node): boolean => op.name === "relu" || op.name === "max-pool-2d";

const ENTRIES: readonly Entry[] = [
  entry({ name: "unet", figure: "Fig. 2 (a)", make: () => new UNet(), run: (m, s) => [m.forward(image(s)).logits] }),
  entry({
    name: "dense-fcn",
    figure: "Fig. 2 (b)",
    make: () => new DenseFcn(),
    run: (m, s) => [m.forward(image(s)).logits],
  }),
  // Its first tied feature feeds nothing, and is computed all the same. The doublings between stages are functions
  // there; those onto streams are layers.
  entry({
    name: "mrrn",
    figure: "Fig. 2 (c)",
    make: () => new Mrrn(),
    byFunction: ({ op, inputs }) => op.name === "resize" && inputs[0].node.op.name === "relu",
    run: (m, s) => {
      const { logits, features } = m.forward(image(s));
      return [logits, ...features];
    },
  }),
  entry({
    name: "resnet-generator",
    figure: "Fig. 1 (a)",
    make: () => new ResnetGenerator(),
    run: (m, s) => [m.forward(image(s))],
  }),
  entry({
    name: "patch-discriminator",
    figure: "Fig. 1 (a)",
    make: () => new PatchDiscriminator(),
    run: (m, s) => [m.forward(image(s))],
  }),
  entry({
    name: "vgg19",
    figure: "III-A",
    make: () => new Vgg(),
    byFunction: isVggFunction,
    run: (m, s) => m.features(image(s, 3)),
  }),
  entry({
    name: "vgg16",
    figure: "III-B",
    make: () => new Vgg({ layers: 16 }),
    byFunction: isVggFunction,
    run: (m, s) => m.features(image(s, 3)),
  }),
  entry({
    name: "drit-content-encoder",
    figure: "Fig. 1 (b)",
    make: () => new ContentEncoder(),
    images: 2,
    run: (m, s) => [m.forward(image(s), "a"), m.forward(image(s), "b")],
  }),
  entry({
    name: "drit-style-encoder",
    figure: "Fig. 1 (b)",
    make: () => new StyleEncoder(),
    images: 2,
    run: (m, s) => (["a", "b"] as const).flatMap((d) => Object.values(m.forward(image(s), d)) as Tensor[]),
  }),
  entry({
    name: "drit-generator",
    figure: "Fig. 1 (b)",
    make: () => new StyleGenerator(),
    run: (m, s) => [m.forward(input("content", [1, s / 4, s / 4, 256]), input("style", [1, 8]), "b")],
  }),
  entry({
    name: "drit-discriminator",
    figure: "Fig. 1 (b)",
    make: () => new MultiScaleDiscriminator(),
    run: (m, s) => (s < 64 ? [] : m.forward(image(s))),
  }),
  entry({
    name: "drit-content-discriminator",
    figure: "Fig. 1 (b)",
    make: () => new ContentDiscriminator(),
    run: (m, s) => (s < 212 ? [] : [m.forward(input("code", [1, s / 4, s / 4, 256]))]),
  }),
  entry({
    name: "alpha-network",
    figure: "IV-C",
    make: () => new AlphaNetwork(),
    run: (m, s) => [m.forward(image(s, 2))],
  }),
];

/** Every network at full width, on square images of `size` pixels, a multiple of 32. */
export function modelRows(size: number): ModelRow[] {
  return ENTRIES.map(({ name, figure, make, run, images = 1, byFunction }) => {
    const network = make();
    // Traced as in training, where a batch norm is one node; no number of it is ever computed.
    const { macs, activationBytes } = costOf(
      withTrace(new Trace("train"), () => run(network, size)),
      byFunction,
    );
    const frozen = [...network.variables()].reduce(
      (n, [path, v]) => n + (v.trainable || /running/.test(path) ? 0 : v.size),
      0,
    );
    return {
      name,
      figure,
      parameters: network.parameterCount() + frozen,
      frozen,
      gmac: macs / 1e9,
      activationMB: activationBytes / 1e6,
      images,
    };
  });
}

function sizeOf(text: string): number {
  const size = Number(text);
  if (!Number.isInteger(size) || size < 32 || size > 4096 || size % 32 !== 0)
    throw new InvalidArgumentError(
      "it must be a multiple of 32 from 32 to 4096: the deepest network halves it five times.",
    );
  return size;
}

export function register(command: Command): void {
  command
    .option("--size <pixels>", "width and height of the images", sizeOf, 256)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nActivations are the outputs of all layers in f32, one forward pass of one image (of two for encoders of two domains), as the\nreferences' classes have layers: VGG's ReLUs and pools and MRRN's doublings between stages are function calls there.\nWhat a program really holds is less: it fuses layers and reuses memory.",
    )
    .action(({ size, json }: { size: number; json?: boolean }) => {
      const rows = modelRows(size);
      process.stdout.write(json ? `${JSON.stringify({ size, networks: rows }, null, 2)}\n` : table(rows, size));
    });
}

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
  const all = [["network", "parameters", "GMAC", "activations MB", "images", "paper"], ...cells];
  const widths = all[0].map((_, i) => Math.max(...all.map((row) => row[i].length)));
  const lines = all.map((row) =>
    row
      .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n\none forward pass at ${size} × ${size}\n`;
}
