// What a run's networks hold inside, kept in its folder for the report: features/maps.json with its pictures as PNGs in
// base64, so that one write changes all, and features/tsne.json. Both say after how many steps the weights were.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Features, greyMaps } from "../../analysis/index.ts";
import type { SliceSet } from "../../data/slices.ts";
import { DISPOSE, type Device } from "../../engine/index.ts";
import { HINT_LAYERS } from "../../models/segmentor.ts";
import type { FeatureClustersRecord, FeatureMapsRecord, NetworkName } from "../../report/page/features-section.ts";
import { byClass } from "../../report/montage.ts";
import { Picture, colours } from "../../report/picture.ts";
import type { Checkpoint } from "../../train/checkpoint.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { readBytes, writeAtomic } from "../files.ts";
import type { RunFolder } from "./folder.ts";
import { slicesToPicture } from "../../train/run/pictured.ts";
import { trainedRegime } from "../../train/volumes/trained-regime.ts";
import { slicingOf } from "../../train/run/sets.ts";
import type { Source } from "./source.ts";

const FOLDER = "features";
/** Channels that the paper shows. */
const SHOWN = 24;
const COLUMNS = 6;
const GAP = 2;

/** What each network makes of one slice, by layer. */
export type SliceFeatures = Readonly<Partial<Record<NetworkName, readonly Features[]>>>;

/** The layers that distillation ties, on a device. */
export class FeatureProgram {
  private constructor(
    readonly program: SliceProgram<string>,
    /** [height, width, channels] of each layer, coarse to fine. */
    readonly shapes: readonly (readonly [height: number, width: number, channels: number])[],
    readonly networks: readonly NetworkName[],
  ) {}

  /** Compiles a checkpoint's networks; undefined where the regime shows no features. Throws StateDictError. */
  static async open(
    device: Device,
    config: TrainConfig,
    checkpoint: Pick<Checkpoint, "tensors">,
  ): Promise<FeatureProgram | undefined> {
    const regime = trainedRegime(config, checkpoint);
    if (!regime.features) return undefined;
    const shapes: [number, number, number][] = [];
    const networks = new Set<NetworkName>();
    const program = await SliceProgram.compile(
      device,
      (x) => {
        const { student, teacher = [] } = regime.features!(x);
        student.forEach(({ shape: [, h = 0, w = 0, c = 0] }, layer) => (shapes[layer] = [h, w, c]));
        const of = (name: NetworkName, features: typeof student) =>
          features.map((feature, layer) => {
            networks.add(name);
            return [`${name} ${layer}`, feature] as const;
          });
        return Object.fromEntries([...of("student", student), ...of("teacher", teacher)]);
      },
      { batch: 1, size: config.data.size, name: "features" },
    );
    return new FeatureProgram(program, shapes, [...networks]);
  }

  /** Of one slice [size, size] in [−1, 1]. */
  async of(image: Float32Array): Promise<SliceFeatures> {
    const values = await this.program.run(image);
    return Object.fromEntries(
      this.networks.map((name) => [
        name,
        this.shapes.map(([height, width, channels], layer) => ({
          height,
          width,
          channels,
          values: values[`${name} ${layer}`]!,
        })),
      ]),
    );
  }

  dispose(): void {
    this.program.dispose();
  }

  [DISPOSE](): void {
    this.dispose();
  }
}

/** What the layers of a configuration's features are called. */
export const layerNames = ({ networks: { segmentor } }: TrainConfig): readonly string[] => HINT_LAYERS[segmentor.hints];

/** Those slices of a case that show a structure, as the student sees them. Throws CommandError, DataError. */
export const structureSlices = (source: Source, id: string, config: TrainConfig): Promise<SliceSet> =>
  source.loadSlices([id], {
    ...slicingOf(config),
    rule: config.data.studentIntensity,
    seed: config.seed,
    labels: config.data.labels,
    negatives: 0,
  });

/** Slice s of a set, as an image. */
export const imageOf = ({ images, size }: SliceSet, s: number): Float32Array =>
  images.subarray(s * size ** 2, (s + 1) * size ** 2);

/** The first channels of each layer on the slice of a set that shows most of a structure. */
export async function featureMaps(
  program: FeatureProgram,
  set: SliceSet,
  config: TrainConfig,
  steps: number,
): Promise<FeatureMapsRecord> {
  const [s = 0] = slicesToPicture(set, 1);
  const { id, z } = set.origins[s]!;
  const found = await program.of(imageOf(set, s));
  return {
    steps,
    slice: `slice ${z + 1} of case ${id}`,
    image: sliceWithContours(set, s, config.data.labels?.length ?? 1),
    layers: program.shapes.map((shape, layer) => {
      const grey = greyMaps(
        program.networks.map((name) => found[name]![layer]!),
        { count: SHOWN },
      );
      return {
        name: layerNames(config)[layer]!,
        shape,
        shown: Math.min(SHOWN, shape[2]),
        networks: program.networks.map((name, i) => ({ name, png: gridOf(grey[i]!) })),
      };
    }),
  };
}

function sliceWithContours(set: SliceSet, s: number, classes: number): Uint8Array {
  const { size } = set;
  const scale = Math.max(1, Math.ceil(384 / size));
  const picture = new Picture(size * scale, size * scale);
  picture.grey(imageOf(set, s), size, size, 0, 0, scale);
  const mask = set.masks.subarray(s * size ** 2, (s + 1) * size ** 2);
  for (const { mask: one, colour, side } of byClass(mask, classes))
    picture.contour(one, size, size, 0, 0, scale, colour, side);
  return picture.png();
}

/** Maps in rows of six. */
function gridOf({ height, width, maps }: ReturnType<typeof greyMaps>[number]): Uint8Array {
  const scale = Math.max(1, Math.floor(128 / Math.max(height, width)));
  const [w, h] = [width * scale + GAP, height * scale + GAP];
  const columns = Math.min(COLUMNS, maps.length);
  const picture = new Picture(columns * w - GAP, Math.ceil(maps.length / columns) * h - GAP, colours.white);
  maps.forEach((map, i) => picture.grey(map, width, height, (i % columns) * w, Math.floor(i / columns) * h, scale));
  return picture.png();
}

const pathOf = (run: RunFolder, name: string): string => join(run.path, FOLDER, name);

/** A record whose pictures are of another kind: bytes, or text. */
type MapsOf<T> = Omit<FeatureMapsRecord, "image" | "layers"> & {
  readonly image: T;
  readonly layers: readonly (Omit<FeatureMapsRecord["layers"][number], "networks"> & {
    readonly networks: readonly { readonly name: NetworkName; readonly png: T }[];
  })[];
};

/** The same record with each of its pictures changed. */
async function withPictures<A, B>(record: MapsOf<A>, change: (picture: A) => B | Promise<B>): Promise<MapsOf<B>> {
  const image = await change(record.image);
  const layers: MapsOf<B>["layers"][number][] = [];
  for (const layer of record.layers) {
    const networks: { name: NetworkName; png: B }[] = [];
    for (const { name, png } of layer.networks) networks.push({ name, png: await change(png) });
    layers.push({ ...layer, networks });
  }
  return { ...record, image, layers };
}

/** Writes the maps into the run's folder, all in one file. Throws FileError. */
export async function writeFeatureMaps(run: RunFolder, record: FeatureMapsRecord): Promise<void> {
  const text = await withPictures(record, (png: Uint8Array) => Buffer.from(png).toString("base64"));
  await writeAtomic(pathOf(run, "maps.json"), `${JSON.stringify(text, null, 2)}\n`);
}

/** The maps in the run's folder; undefined where there are none, or a file is missing. */
export async function readFeatureMaps(run: RunFolder): Promise<FeatureMapsRecord | undefined> {
  try {
    const text = JSON.parse(await readFile(pathOf(run, "maps.json"), "utf8")) as MapsOf<string>;
    // Earlier versions wrote each picture to a file of its own, and its name here.
    return await withPictures(text, (png): Promise<Uint8Array> | Uint8Array =>
      png.endsWith(".png") ? readBytes(pathOf(run, png)) : new Uint8Array(Buffer.from(png, "base64")),
    );
  } catch {
    return undefined;
  }
}

/** Writes the t-SNE maps into the run's folder. Throws FileError. */
export const writeFeatureClusters = (run: RunFolder, record: FeatureClustersRecord): Promise<void> =>
  writeAtomic(pathOf(run, "tsne.json"), `${JSON.stringify(record)}\n`);

/** The t-SNE maps in the run's folder; undefined where there are none. */
export async function readFeatureClusters(run: RunFolder): Promise<FeatureClustersRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(pathOf(run, "tsne.json"), "utf8")) as FeatureClustersRecord;
    return Array.isArray(record.maps) ? record : undefined;
  } catch {
    return undefined;
  }
}
