// The segmentors' rows of the registry, and one built to fit a file of weights: without the other networks.
import { DenseFcn } from "./dense-fcn.ts";
import { Mrrn } from "./mrrn.ts";
import type { ForeignTensor } from "./pytorch.ts";
import { HINT_LEVELS, type Segmentor } from "./segmentor.ts";
import { UNet } from "./unet.ts";
import { type SegmentorRow, fittingShapes, oneImage } from "./zoo-row.ts";

type GivenToSegmentors = "role" | "atFullWidth" | "inputShapes" | "forward" | "hints";

/** A segmentor: an image in, logits out; all levels of hints unless the row has its own. */
function segmentor<M extends Segmentor>(
  row: Omit<SegmentorRow<M>, GivenToSegmentors> & Partial<Pick<SegmentorRow<M>, "hints">>,
): SegmentorRow {
  return {
    role: "segmentor",
    hints: HINT_LEVELS,
    atFullWidth: () => row.make({}),
    inputShapes: oneImage,
    forward: (network: M, { image }) => ({ logits: network.forward(image!).logits }),
    ...row,
    cost: {
      // Tied features are counted even where they feed nothing.
      traced(network: M, { image }) {
        const { logits, features } = network.forward(image!);
        return [logits, ...features];
      },
      ...row.cost,
    },
  };
}

export const segmentors = {
  unet: segmentor({
    title: "Unet",
    figure: "Fig. 2 (a)",
    type: UNet,
    width: 64,
    halvings: 4,
    make: (options) => new UNet(options),
    lastStages: ({ up, head }) => [...up.slice(-2), head],
    firstTensor: "inc.conv.conv.0.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new UNet({
        width,
        inputs: shapes.first.inputs,
        outputs: shapes.size("outc.conv.weight", 0),
        depth: shapes.count(/^down\d+\.mpconv\.1\.conv\.0\.weight$/),
      }),
  }),
  "dense-fcn": segmentor({
    title: "DenseFCN",
    aliases: ["densefcn"],
    figure: "Fig. 2 (b)",
    type: DenseFcn,
    width: 48,
    halvings: 5,
    // Growth goes with width as in the paper, 12 for 48.
    make: ({ width = 48, ...options }) =>
      new DenseFcn({ ...options, width, growth: Math.max(1, Math.round(width / 4)) }),
    lastStages: ({ up, decoder, head }) => [...up.slice(-2), ...decoder.slice(-2), head],
    firstTensor: "firstconv.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new DenseFcn({
        width,
        inputs: shapes.first.inputs,
        outputs: shapes.size("finalConv.weight", 0),
        depth: shapes.count(/^transDownBlocks\.\d+\.conv\.weight$/),
        growth: shapes.size("denseBlocksDown.0.layers.0.conv.weight", 0),
        layers: {
          encoder: shapes.count(/^denseBlocksDown\.0\.layers\.\d+\.conv\.weight$/),
          bottleneck: shapes.count(/^bottleneck\.bottleneck\.layers\.\d+\.conv\.weight$/),
          decoder: shapes.count(/^denseBlocksUp\.0\.layers\.\d+\.conv\.weight$/),
        },
      }),
  }),
  mrrn: segmentor({
    title: "MRRN",
    figure: "Fig. 2 (c)",
    type: Mrrn,
    width: 32,
    halvings: 4,
    make: (options) => new Mrrn(options),
    lastStages: ({ stages, join, after, head }) => [...stages.slice(-2).flat(), join, ...after, head],
    firstTensor: "CNN_block1.conv1.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new Mrrn({
        width,
        inputs: shapes.first.inputs,
        outputs: shapes.size("out_conv.weight", 0),
        units: shapes.count(/^RU(\d)\.unit\.conv1\.weight$/),
      }),
    // The doublings between stages are functions there; those onto streams are layers.
    cost: { byFunction: ({ op, inputs: [x] }) => op.name === "resize" && x!.node.op.name === "relu" },
  }),
};

export type SegmentorName = keyof typeof segmentors;
/** Names of all segmentors, as `--segmentor` takes them. */
export const SEGMENTORS = Object.keys(segmentors) as SegmentorName[];
/** The row of a segmentor in the registry: how it is made, and what it can do. */
export const segmentorRow = (name: SegmentorName): SegmentorRow => segmentors[name];

/**
 * The segmentor `name` that the state dict's shapes tell of, `width` channels wide at full resolution; the weights are
 * not loaded. Throws StateDictError where the dict is plainly another network's.
 */
export function segmentorFor(name: SegmentorName, dict: ReadonlyMap<string, ForeignTensor>, width?: number): Segmentor {
  const row = segmentorRow(name);
  return row.fitting(fittingShapes(name, row, dict), width);
}
