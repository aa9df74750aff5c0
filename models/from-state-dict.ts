// Networks by name, built to fit a state dict: widths, depths and channels are read from the shapes of its tensors.
import type { Tensor } from "../engine/index.ts";
import { DenseFcn } from "./dense-fcn.ts";
import { ContentDiscriminator, MultiScaleDiscriminator } from "./drit-discriminators.ts";
import { ContentEncoder, StyleEncoder, StyleGenerator } from "./drit.ts";
import { Mrrn } from "./mrrn.ts";
import { PatchDiscriminator } from "./patch-discriminator.ts";
import { type ForeignTensor, type NamedForPyTorch, StateDictError, foreignNames } from "./pytorch.ts";
import { ResnetGenerator } from "./resnet-generator.ts";
import { AlphaNetwork } from "./resnet18.ts";
import { UNet } from "./unet.ts";
import { Vgg, type VggLayers, tapsWithin } from "./vgg.ts";

type Dict = ReadonlyMap<string, ForeignTensor>;
type Outputs = Record<string, Tensor>;

/** A network and how it is called. */
export interface Runnable {
  readonly network: NamedForPyTorch;
  /** Shapes of the inputs by name, for images of `size` × `size`. */
  inputs(size: number): Record<string, number[]>;
  /** Outputs by name. */
  forward(inputs: Readonly<Record<string, Tensor>>): Outputs;
}

interface Entry {
  /** The tensor that the width is read from: where it is missing, the dict is another network's. */
  readonly first: string;
  /** `first`: sizes of that tensor. */
  make(p: Probe, first: readonly number[], width: number | undefined): Runnable;
}

/** What is asked of a dict's names and shapes. */
class Probe {
  constructor(readonly dict: Dict) {}
  /** Sizes of a tensor that must be there. */
  sizes(name: string): readonly number[] {
    const t = this.dict.get(name);
    if (!t) throw new StateDictError(`the weights are not those of this network: missing ${name}`);
    return t.shape;
  }
  count(pattern: RegExp): number {
    return [...this.dict.keys()].filter((k) => pattern.test(k)).length;
  }
}

interface Segmenting extends NamedForPyTorch {
  forward(x: Tensor): { logits: Tensor };
}
interface Imaging extends NamedForPyTorch {
  forward(x: Tensor): Tensor;
}

const image =
  (channels: number) =>
  (size: number): Record<string, number[]> => ({ image: [1, size, size, channels] });
const segmenting = (network: Segmenting, channels: number): Runnable => ({
  network,
  inputs: image(channels),
  forward: ({ image }) => ({ logits: network.forward(image).logits }),
});
const imaging = (network: Imaging, channels: number, output: string): Runnable => ({
  network,
  inputs: image(channels),
  forward: ({ image }) => ({ [output]: network.forward(image) }),
});
const tapped = (network: Vgg, channels: number): Runnable => ({
  network,
  inputs: image(channels),
  forward: ({ image }) => Object.fromEntries(network.forward(image).map((t, i) => [network.taps[i], t])),
});

/** The trunk as far as the file reaches. */
const vgg = (layers: VggLayers): Entry => ({
  first: "features.0.weight",
  make(p, [outermost], width = outermost) {
    const taps = tapsWithin(
      p.dict.keys(),
      (layers === 19 ? [2, 2, 4, 4, 4] : [2, 2, 3, 3, 3]).flatMap((n, stage) =>
        Array.from({ length: n }, (_, i) => `conv${stage + 1}_${i + 1}`),
      ),
      layers,
    );
    return tapped(new Vgg({ layers, width, taps: taps.slice(-1) }), 1);
  },
});

const ENTRIES: Readonly<Record<string, Entry>> = {
  unet: {
    first: "inc.conv.conv.0.weight",
    make(p, [outermost, inputs], width = outermost) {
      const depth = p.count(/^down\d+\.mpconv\.1\.conv\.0\.weight$/);
      return segmenting(new UNet({ width, inputs, depth, outputs: p.sizes("outc.conv.weight")[0] }), inputs);
    },
  },
  "dense-fcn": {
    first: "firstconv.weight",
    make(p, [outermost, inputs], width = outermost) {
      const depth = p.count(/^transDownBlocks\.\d+\.conv\.weight$/);
      const layers = {
        encoder: p.count(/^denseBlocksDown\.0\.layers\.\d+\.conv\.weight$/),
        bottleneck: p.count(/^bottleneck\.bottleneck\.layers\.\d+\.conv\.weight$/),
        decoder: p.count(/^denseBlocksUp\.0\.layers\.\d+\.conv\.weight$/),
      };
      const growth = p.sizes("denseBlocksDown.0.layers.0.conv.weight")[0];
      return segmenting(
        new DenseFcn({ width, inputs, depth, layers, growth, outputs: p.sizes("finalConv.weight")[0] }),
        inputs,
      );
    },
  },
  mrrn: {
    first: "CNN_block1.conv1.weight",
    make(p, [outermost, inputs], width = outermost) {
      const units = p.count(/^RU(\d)\.unit\.conv1\.weight$/);
      return segmenting(new Mrrn({ width, inputs, units, outputs: p.sizes("out_conv.weight")[0] }), inputs);
    },
  },
  "resnet-generator": {
    first: "model.1.weight",
    make(p, [outermost, inputs], width = outermost) {
      const blocks = p.count(/^model\.\d+\.conv_block\.1\.weight$/);
      return imaging(
        new ResnetGenerator({ width, inputs, blocks, outputs: p.sizes(`model.${17 + blocks}.weight`)[0] }),
        inputs,
        "translated",
      );
    },
  },
  "patch-discriminator": {
    first: "model.0.weight",
    make(p, [outermost, inputs], width = outermost) {
      return imaging(
        new PatchDiscriminator({ width, inputs, layers: p.count(/^model\.\d+\.weight$/) - 2 }),
        inputs,
        "judgement",
      );
    },
  },
  vgg19: vgg(19),
  vgg16: vgg(16),
  "alpha-network": {
    first: "conv1.weight",
    make(p, [outermost, inputs], width = outermost) {
      return imaging(new AlphaNetwork({ width, inputs, hidden: p.sizes("fc1.weight")[0] }), inputs, "alpha");
    },
  },
  "drit-content-encoder": {
    first: "convA.0.model.1.weight",
    make(p, [outermost, inputs], width = outermost) {
      const network = new ContentEncoder({
        width,
        inputs,
        blocks: p.count(/^convA\.\d+\.model\.5\.weight$/),
        sharedBlocks: p.count(/^conv_share\.\d+\.model\.5\.weight$/),
      });
      return {
        network,
        inputs: (size) => ({ a: [1, size, size, inputs], b: [1, size, size, inputs] }),
        forward: ({ a, b }) => ({ content_a: network.forward(a, "a"), content_b: network.forward(b, "b") }),
      };
    },
  },
  "drit-style-encoder": {
    first: "conv_A.1.weight",
    make(p, [outermost, inputs], width = outermost) {
      const network = new StyleEncoder({ width, inputs, styles: p.sizes("fc_A.0.weight")[0] });
      return {
        network,
        inputs: (size) => ({ a: [1, size, size, inputs], b: [1, size, size, inputs] }),
        forward: (x) =>
          Object.fromEntries(
            (["a", "b"] as const).flatMap((d) => {
              const { mu, logVariance } = network.forward(x[d], d);
              return [
                [`mu_${d}`, mu],
                [`log_variance_${d}`, logVariance],
              ];
            }),
          ) as Outputs,
      };
    },
  },
  "drit-generator": {
    first: "dec_share.0.model.1.weight",
    make(p, first, width = first[0] / 4) {
      const styles = (p.sizes("decA2.0.model.0.weight")[0] - 4 * width) / 2;
      const outputs = p.sizes("decA4.0.weight")[1];
      const network = new StyleGenerator({
        width,
        styles,
        outputs,
        blocks: 1 + p.count(/^decA1\.\d+\.model\.5\.weight$/),
      });
      return {
        network,
        inputs: (size) => ({ content: [1, size / 4, size / 4, 4 * width], style: [1, styles] }),
        forward: ({ content, style }) => ({
          image_a: network.forward(content, style, "a"),
          image_b: network.forward(content, style, "b"),
        }),
      };
    },
  },
  "drit-discriminator": {
    first: "Diss.0.0.model.1.weight",
    make(p, [outermost, inputs], width = outermost) {
      const network = new MultiScaleDiscriminator({
        width,
        inputs,
        layers: p.count(/^Diss\.0\.\d+\.model\.1\.weight$/),
        scales: p.count(/^Diss\.\d+\.0\.model\.1\.weight$/),
      });
      return {
        network,
        inputs: image(inputs),
        forward: ({ image }) => Object.fromEntries(network.forward(image).map((t, i) => [`judgement_${i + 1}`, t])),
      };
    },
  },
  "drit-content-discriminator": {
    first: "model.0.model.1.weight",
    make(p, first, channels = first[0]) {
      const network = new ContentDiscriminator({ channels, layers: p.count(/^model\.\d+\.model\.1\.weight$/) - 1 });
      return {
        network,
        inputs: (size) => ({ code: [1, size / 4, size / 4, channels] }),
        forward: ({ code }) => ({ judgement: network.forward(code) }),
      };
    },
  },
};

/** Other names that the literature has. */
const ALIASES: Readonly<Record<string, string>> = {
  generator: "resnet-generator",
  patchgan: "patch-discriminator",
  densefcn: "dense-fcn",
  alpha: "alpha-network",
};

/** Names of the networks that `networkFor` builds. */
export const modelNames: readonly string[] = Object.keys(ENTRIES);
export const isModelName = (name: string): boolean => Object.hasOwn(ENTRIES, name) || Object.hasOwn(ALIASES, name);

/**
 * The network `model` that the state dict's shapes tell of; `width`, channels at full resolution, is read from it too
 * if absent. The weights are not loaded. Throws StateDictError where the dict is plainly another network's,
 * RangeError for an unknown model.
 */
export function networkFor(model: string, dict: Dict, width?: number): Runnable {
  const name = Object.hasOwn(ALIASES, model) ? ALIASES[model] : model;
  if (!Object.hasOwn(ENTRIES, name))
    throw new RangeError(`there is no network ${model}; choose one of ${modelNames.join(", ")}`);
  const entry = ENTRIES[name];
  if ((dict.get(entry.first)?.shape.length ?? 0) !== 4)
    throw new StateDictError(
      `the weights are not those of ${name}: ${dict.has(entry.first) ? `${entry.first} is no convolution's` : `missing ${entry.first}`}; the file has ${
        [...dict.keys()]
          .slice(0, 3)
          .join(", ")
          .replace(/[^ -;=?-~]/g, "?") || "no tensors"
      }${dict.size > 3 ? " …" : ""}`,
    );
  return entry.make(new Probe(dict), dict.get(entry.first)!.shape, width);
}

/** What DRIT is made of takes more than one image; all of it is in the shapes. */
const DRIT = [
  [ContentEncoder, "drit-content-encoder"],
  [StyleEncoder, "drit-style-encoder"],
  [StyleGenerator, "drit-generator"],
  [MultiScaleDiscriminator, "drit-discriminator"],
  [ContentDiscriminator, "drit-content-discriminator"],
] as const;

/** Channels of the image that a network's first convolution [R, S, C, K] takes. */
const channelsOf = (network: NamedForPyTorch): number =>
  [...network.variables().values()].find(({ shape }) => shape.length === 4)?.shape[2] ?? 1;

/** A trained network of a run as it is called: one image in, but for DRIT's. */
export function runnable(network: NamedForPyTorch): Runnable {
  const channels = channelsOf(network);
  if (network instanceof Vgg) return tapped(network, 1); // which it repeats
  const drit = DRIT.find(([part]) => network instanceof part);
  if (drit)
    return networkFor(drit[1], new Map(foreignNames(network).map(({ name, shape }) => [name, { shape, data: [] }])));
  const { forward } = network as unknown as { forward(x: Tensor): Tensor | { logits: Tensor } };
  return {
    network,
    inputs: image(channels),
    forward({ image }): Outputs {
      const y = forward.call(network, image);
      return "logits" in y ? { logits: y.logits } : { output: y };
    },
  };
}
