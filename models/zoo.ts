// The registry of networks. A network is its own file and one row here: what `--segmentor` takes, `cmedl models`
// prints, `cmedl convert` and `cmedl export` rebuild from a file of weights, and benches time, all follow from its row.
import type { Tensor } from "../engine/index.ts";
import type { Node } from "./cost.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "./drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "./drit.ts";
import { PatchDiscriminator } from "./patch-discriminator.ts";
import type { NamedForPyTorch } from "./pytorch.ts";
import { ResnetGenerator } from "./resnet-generator.ts";
import { AlphaNetwork } from "./resnet18.ts";
import { segmentors } from "./segmentors.ts";
import { Vgg, type VggLayers, convNames, tapsWithin } from "./vgg.ts";
import { type ZooRow, channelsOf, oneImage } from "./zoo-row.ts";

export { SEGMENTORS, type SegmentorName, segmentorRow } from "./segmentors.ts";

/** An image of each of DRIT's two domains. */
const bothDomains = (network: NamedForPyTorch, size: number): Record<string, number[]> => {
  const shape = [1, size, size, channelsOf(network)];
  return { a: shape, b: shape };
};

/** A network of one image and one output. */
function imaging<M extends NamedForPyTorch & { forward(image: Tensor): Tensor }>(
  row: Omit<ZooRow<M>, "inputShapes" | "forward"> & { readonly output: string },
): ZooRow {
  return { inputShapes: oneImage, forward: (network: M, { image }) => network.forward(image!), ...row };
}

const other = <M extends NamedForPyTorch>(row: ZooRow<M>): ZooRow => row;

/** VGG's trunk, as far as a file of weights reaches. It repeats an image of one channel. */
const vgg = (layers: VggLayers, figure: string): ZooRow =>
  other({
    role: "features",
    figure,
    type: Vgg,
    atFullWidth: () => new Vgg({ layers }),
    firstTensor: "features.0.weight",
    fitting(shapes, width = shapes.first.outputs) {
      const reached = tapsWithin(shapes.dict.keys(), convNames(layers), layers);
      return new Vgg({ layers, width, taps: reached.slice(-1) });
    },
    inputShapes: (_, size) => ({ image: [1, size, size, 1] }),
    forward: (network, { image }) =>
      Object.fromEntries(network.forward(image!).map((feature, i) => [network.taps[i]!, feature])),
    cost: {
      inputShapes: (size) => ({ image: [1, size, size, 3] }),
      traced: (network, { image }) => network.features(image!),
      // Only convolutions are layers there.
      byFunction: ({ op }: Node) => op.name === "relu" || op.name === "max-pool-2d",
    },
  });

/** All networks by name. */
export const ZOO: Readonly<Record<string, ZooRow>> = {
  ...segmentors,
  "resnet-generator": imaging({
    role: "generator",
    aliases: ["generator"],
    figure: "Fig. 1 (a)",
    type: ResnetGenerator,
    atFullWidth: () => new ResnetGenerator(),
    firstTensor: "model.1.weight",
    fitting(shapes, width = shapes.first.outputs) {
      const blocks = shapes.count(/^model\.\d+\.conv_block\.1\.weight$/);
      const outputs = shapes.size(`model.${17 + blocks}.weight`, 0);
      return new ResnetGenerator({ width, inputs: shapes.first.inputs, outputs, blocks });
    },
    output: "translated",
  }),
  "patch-discriminator": imaging({
    role: "discriminator",
    aliases: ["patchgan"],
    figure: "Fig. 1 (a)",
    type: PatchDiscriminator,
    atFullWidth: () => new PatchDiscriminator(),
    firstTensor: "model.0.weight",
    fitting(shapes, width = shapes.first.outputs) {
      const layers = shapes.count(/^model\.\d+\.weight$/) - 2;
      return new PatchDiscriminator({ width, inputs: shapes.first.inputs, layers });
    },
    output: "judgement",
  }),
  vgg19: vgg(19, "III-A"),
  vgg16: vgg(16, "III-B"),
  "alpha-network": imaging({
    role: "fusion",
    aliases: ["alpha"],
    figure: "IV-C",
    type: AlphaNetwork,
    atFullWidth: () => new AlphaNetwork(),
    firstTensor: "conv1.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new AlphaNetwork({ width, inputs: shapes.first.inputs, hidden: shapes.size("fc1.weight", 0) }),
    output: "alpha",
  }),
  "drit-content-encoder": other({
    role: "encoder",
    figure: "Fig. 1 (b)",
    type: ContentEncoder,
    atFullWidth: () => new ContentEncoder(),
    firstTensor: "convA.0.model.1.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new ContentEncoder({
        width,
        inputs: shapes.first.inputs,
        blocks: shapes.count(/^convA\.\d+\.model\.5\.weight$/),
        sharedBlocks: shapes.count(/^conv_share\.\d+\.model\.5\.weight$/),
      }),
    inputShapes: bothDomains,
    forward: (network, { a, b }) => ({ content_a: network.forward(a!, "a"), content_b: network.forward(b!, "b") }),
    cost: { images: 2 },
  }),
  "drit-style-encoder": other({
    role: "encoder",
    figure: "Fig. 1 (b)",
    type: StyleEncoder,
    atFullWidth: () => new StyleEncoder(),
    firstTensor: "conv_A.1.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new StyleEncoder({ width, inputs: shapes.first.inputs, styles: shapes.size("fc_A.0.weight", 0) }),
    inputShapes: bothDomains,
    forward(network, { a, b }) {
      const ofA = network.forward(a!, "a");
      const ofB = network.forward(b!, "b");
      return {
        mu_a: ofA.mu,
        log_variance_a: ofA.logVariance,
        mu_b: ofB.mu,
        log_variance_b: ofB.logVariance,
      };
    },
    cost: { images: 2 },
  }),
  "drit-generator": other({
    role: "generator",
    figure: "Fig. 1 (b)",
    type: StyleGenerator,
    atFullWidth: () => new StyleGenerator(),
    firstTensor: "dec_share.0.model.1.weight",
    fitting: (shapes, width = shapes.first.outputs / 4) =>
      new StyleGenerator({
        width,
        styles: (shapes.size("decA2.0.model.0.weight", 0) - 4 * width) / 2,
        outputs: shapes.size("decA4.0.weight", 1),
        blocks: 1 + shapes.count(/^decA1\.\d+\.model\.5\.weight$/),
      }),
    inputShapes: (network, size) => ({
      content: [1, size / 4, size / 4, channelsOf(network)],
      style: [1, network.styles],
    }),
    forward: (network, { content, style }) => ({
      image_a: network.forward(content!, style!, "a"),
      image_b: network.forward(content!, style!, "b"),
    }),
    cost: { traced: (network, { content, style }) => [network.forward(content!, style!, "b")] },
  }),
  "drit-discriminator": other({
    role: "discriminator",
    figure: "Fig. 1 (b)",
    type: MultiScaleDiscriminator,
    atFullWidth: () => new MultiScaleDiscriminator(),
    firstTensor: "Diss.0.0.model.1.weight",
    fitting: (shapes, width = shapes.first.outputs) =>
      new MultiScaleDiscriminator({
        width,
        inputs: shapes.first.inputs,
        layers: shapes.count(/^Diss\.0\.\d+\.model\.1\.weight$/),
        scales: shapes.count(/^Diss\.\d+\.0\.model\.1\.weight$/),
      }),
    inputShapes: oneImage,
    forward: (network, { image }) =>
      Object.fromEntries(network.forward(image!).map((logits, i) => [`judgement_${i + 1}`, logits])),
    cost: { smallest: 64 },
  }),
  "drit-content-discriminator": other({
    role: "discriminator",
    figure: "Fig. 1 (b)",
    type: ContentDiscriminator,
    atFullWidth: () => new ContentDiscriminator(),
    firstTensor: "model.0.model.1.weight",
    fitting: (shapes, channels = shapes.first.outputs) =>
      new ContentDiscriminator({ channels, layers: shapes.count(/^model\.\d+\.model\.1\.weight$/) - 1 }),
    inputShapes: (network, size) => ({ code: [1, size / 4, size / 4, channelsOf(network)] }),
    forward: (network, { code }) => ({ judgement: network.forward(code!) }),
    cost: { smallest: 212 },
  }),
};
