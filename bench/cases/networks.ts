// The paper's networks as benches see them: at full width, or a quarter as wide for devices without a GPU.
import { type Module, type Tensor, input } from "../../engine/index.ts";
import { Trace, withTrace } from "../../engine/trace.ts";
import { l1Loss, segmentation } from "../../losses/index.ts";
import {
  ContentDiscriminator,
  ContentEncoder,
  MultiScaleDiscriminator,
  PatchDiscriminator,
  ResnetGenerator,
  SEGMENTORS,
  type Segmentor,
  type SegmentorName,
  StyleEncoder,
  StyleGenerator,
  Vgg19,
  segmentorRow,
} from "../../models/index.ts";
import { type Found, gatherLayers } from "./layers.ts";

/** A network that is timed by itself: inference, and a training step against a target of the image's size. */
export interface TimedNetwork {
  readonly name: string;
  /** `share` of the channels: 1, or ¼. */
  make(share: number): Module;
  forward(network: Module, image: Tensor): Tensor;
  loss(y: Tensor, target: Tensor): Tensor;
}

function segmentor(name: SegmentorName): TimedNetwork {
  const { width, make } = segmentorRow(name);
  return {
    name,
    make: (share) => make({ width: width * share }),
    forward: (m, x) => (m as Segmentor).forward(x).logits,
    loss: segmentation,
  };
}

export const TIMED: readonly TimedNetwork[] = [
  ...SEGMENTORS.map(segmentor),
  {
    name: "generator",
    make: (share) => new ResnetGenerator({ width: 64 * share }),
    forward: (m, x) => (m as ResnetGenerator).forward(x),
    loss: (y, t) => l1Loss(y, t),
  },
];

/** Every network of CMEDL and VAE-CMEDL, traced forward for its layers. */
const ALL: readonly { readonly name: string; run(n: number, size: number): readonly Tensor[] }[] = [
  ...SEGMENTORS.map((name) => ({
    name,
    run(n: number, size: number) {
      const { logits, features } = segmentorRow(name).make({}).forward(image(n, size));
      // What feeds only the tied features is computed in training too.
      return [logits, ...features];
    },
  })),
  { name: "generator", run: (n, size) => [new ResnetGenerator().forward(image(n, size))] },
  { name: "patch-discriminator", run: (n, size) => [new PatchDiscriminator().forward(image(n, size))] },
  { name: "vgg19", run: (n, size) => new Vgg19().features(image(n, size, 3)) },
  {
    name: "drit",
    run: (n, size) => {
      const [content, style] = [new ContentEncoder(), new StyleEncoder()];
      return [
        content.forward(image(n, size), "a"),
        ...(Object.values(style.forward(image(n, size), "a")) as Tensor[]),
        new StyleGenerator().forward(input("content", [n, size / 4, size / 4, 256]), input("style", [n, 8]), "b"),
        ...new MultiScaleDiscriminator().forward(image(n, size)),
        new ContentDiscriminator().forward(input("code", [n, size / 4, size / 4, 256])),
      ];
    },
  },
];

const image = (n: number, size: number, channels = 1): Tensor => input("image", [n, size, size, channels]);

/** The distinct layers of all networks at full width, by geometry. Nothing is computed: the graphs are traced only. */
export function paperLayers(size = 256, batch = 2): Found[] {
  const found = new Map<string, Found>();
  for (const { name, run } of ALL)
    gatherLayers(
      name,
      withTrace(new Trace("train"), () => run(batch, size)),
      found,
    );
  return [...found.values()];
}
