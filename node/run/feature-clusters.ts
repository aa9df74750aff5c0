// t-SNE maps of a run's features (Fig. 6): pixels of the validation cases, each layer and network by itself.
import { type LabelledPixel, choosePixels, takePixels, tsne } from "../../analysis/index.ts";
import type { SliceSet } from "../../data/slices.ts";
import type { Device } from "../../engine/index.ts";
import type { FeatureClustersRecord, NetworkName } from "../../report/page/features-section.ts";
import { type TrainConfig, structureNames } from "../../train/config/config.ts";
import type { Narrator } from "../narrator.ts";
import { type FeatureProgram, imageOf, layerNames } from "./features.ts";

/** Of the paper (IV-D): most pixels of a case, and the side of the square that they come from. */
const MOST_OF_A_CASE = 35_000;
const WINDOW = 160;

export interface ClusterOptions {
  /** Most pixels in a map, shared evenly by the cases. */
  readonly points: number;
  readonly perplexity: number;
  readonly iterations: number;
}

/** Pixels that a map is made of, and their features, of one layer and network. */
export interface GatheredPixels {
  readonly layer: number;
  readonly network: NetworkName;
  readonly channels: number;
  readonly labels: readonly number[];
  readonly values: Float32Array<ArrayBuffer>;
}

/** What the pixels were taken from. */
export interface ClusteredFrom {
  readonly config: TrainConfig;
  /** Of the weights. */
  readonly steps: number;
  /** How many cases the pixels are of. */
  readonly cases: number;
}

/**
 * The maps of all layers and networks, of pixels that gatherPixels took. `open` opens a device for each map, which
 * holds what t-SNE needs until it is disposed. Throws UsageError where there are too few pixels for the perplexity.
 */
export async function featureClusters(
  pixels: readonly GatheredPixels[],
  { config, steps, cases }: ClusteredFrom,
  { perplexity, iterations }: ClusterOptions,
  { open, narrator }: { open: () => Promise<Device>; narrator: Narrator },
): Promise<FeatureClustersRecord> {
  const { seed, data } = config;
  const maps: FeatureClustersRecord["maps"][number][] = [];
  for (const { layer, network, channels, labels, values } of pixels) {
    const name = layerNames(config)[layer]!;
    const points = { count: labels.length, channels, values };
    using device = await open();
    let bar: ReturnType<Narrator["bar"]> | undefined;
    const map = await tsne(device, points, {
      perplexity,
      iterations,
      seed,
      onProgress: ({ stage, total, divergence }) => {
        if (stage !== "iterations") return;
        bar ??= narrator.bar(`t-SNE of ${name}, ${network}`, total);
        bar.advance(divergence === undefined ? undefined : `KL ${divergence.toFixed(3)}`);
      },
    });
    bar?.done();
    const positions = Array.from(map.positions, (v) => Number(v.toFixed(4)));
    maps.push({ layer: name, channels, network, divergence: map.divergence, positions, labels });
  }
  return {
    steps,
    cases: `${cases} validation case${cases === 1 ? "" : "s"}`,
    window: Math.min(WINDOW, data.size),
    seed,
    perplexity,
    iterations,
    classes: ["background", ...structureNames(config)],
    maps,
  };
}

/**
 * Chooses pixels of each layer, the same for both networks, and takes their features slice by slice. `sets` are those
 * slices of each case that show a structure; `seed` draws the pixels.
 */
export async function gatherPixels(
  program: FeatureProgram,
  sets: readonly SliceSet[],
  seed: number,
  { points }: Pick<ClusterOptions, "points">,
  narrator: Narrator,
): Promise<GatheredPixels[]> {
  const most = Math.min(MOST_OF_A_CASE, Math.floor(points / sets.length));
  const bar = narrator.bar(
    "features of slices",
    sets.reduce((sum, { count }) => sum + count, 0),
  );
  const all: GatheredPixels[] = [];
  for (const set of sets) {
    const chosen = program.shapes.map(([side]) => choosePixels(set, { side, window: WINDOW, most, seed }));
    const parts = program.networks.flatMap((network) =>
      program.shapes.map(([, , channels], layer) => partOf(chosen[layer]!, { layer, network, channels })),
    );
    for (let s = 0; s < set.count; s++) {
      const found = await program.of(imageOf(set, s));
      for (const { layer, network, values } of parts) takePixels(found[network]![layer]!, chosen[layer]!, s, values);
      bar.advance();
    }
    all.push(...parts);
  }
  bar.done();
  return program.shapes.flatMap((_, layer) =>
    program.networks.map((network) => joined(all.filter((part) => part.layer === layer && part.network === network))),
  );
}

/** Room for the features of the pixels of one case. */
const partOf = (
  pixels: readonly LabelledPixel[],
  { layer, network, channels }: Pick<GatheredPixels, "layer" | "network" | "channels">,
): GatheredPixels => ({
  layer,
  network,
  channels,
  labels: pixels.map(({ label }) => label),
  values: new Float32Array(pixels.length * channels),
});

/** The parts of all cases, dealt out in turn: the first points are a fair sample of all. */
function joined(parts: readonly GatheredPixels[]): GatheredPixels {
  const { layer, network, channels } = parts[0]!;
  const longest = Math.max(...parts.map(({ labels }) => labels.length));
  const labels: number[] = [];
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.values.length, 0));
  for (let i = 0; i < longest; i++)
    for (const part of parts) {
      if (i >= part.labels.length) continue;
      values.set(part.values.subarray(i * channels, (i + 1) * channels), labels.length * channels);
      labels.push(part.labels[i]!);
    }
  return { layer, network, channels, labels, values };
}
