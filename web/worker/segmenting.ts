// Volumes through a model: into masks, and into the look of the teacher's modality.
import { transfer } from "comlink";
import { makeVolume } from "../../data/volume.ts";
import { type CompileProgress, type Device, type Pacing, UsageError } from "../../engine/index.ts";
import { type Label, Segmenter, type SliceProgress, maskOf, prepareVolume } from "../../inference/index.ts";
import { VolumeSegmenter, prepareVolume as prepareFor } from "../../train/volumes/volume-segmenter.ts";
import { VolumeTranslator } from "../../train/volumes/volume-translator.ts";
import { type Files, type KeptImage, MOST_LABEL, type OpenedImage } from "./files.ts";
import type { StudioGpu } from "./gpu.ts";

/** How far a long piece of work is, in words and as a part of 1. */
export interface Progress {
  readonly what: string;
  readonly part: number;
}

export interface SegmentedVolume {
  /** Label values, one a voxel, in Left-Posterior-Superior order. */
  readonly mask: Uint8Array<ArrayBuffer>;
  readonly labels: readonly Label[];
  readonly seconds: number;
}

/** The page's own work on the GPU waits no longer than this while programs are compiled. */
export const YIELD_MS = 16;

export class Segmenting {
  /** The programs of the last model that was used. */
  #opened: { readonly model: number; readonly device: Device; readonly segmenter: Segmenter } | undefined;

  constructor(
    readonly gpu: StudioGpu,
    readonly files: Files,
  ) {}

  /** Throws UsageError where one of the two is closed, DataError, what the GPU reports, and AbortError. */
  async segment(
    modelId: number,
    imageId: number,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<SegmentedVolume> {
    const kept = this.#image(imageId);
    const start = performance.now();
    const segmenter = await this.#segmenter(modelId, { signal, onProgress: ofCompiling(onProgress) });
    const { labels } = segmenter.model;
    const odd = labels.find(({ value }) => value > MOST_LABEL);
    if (odd)
      throw new UsageError(
        `${odd.name} has label ${odd.value}, the page holds labels up to ${MOST_LABEL}; segment by cmedl predict`,
      );
    const { image, range } = prepareVolume(kept.image, segmenter.model, kept.image.name);
    const classes = await segmenter.classes(image, range, { signal, onProgress: ofSlices(onProgress) });
    const mask = maskOf(classes, image, labels) as Uint8Array<ArrayBuffer>;
    return transfer({ mask, labels, seconds: (performance.now() - start) / 1000 }, [mask.buffer]);
  }

  /**
   * The pseudo image of an image, as an image of its own. Throws as `segment`, and where the model translates nothing.
   */
  async translate(
    modelId: number,
    imageId: number,
    onProgress: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<OpenedImage> {
    const kept = this.#image(imageId);
    const zip = this.files.zips.get(modelId);
    if (!zip) throw new UsageError("the model was closed, or has no translator");
    const { config } = zip;
    const pacing = { signal, yieldEveryMs: YIELD_MS, onProgress: ofCompiling(onProgress) };
    using translator = await VolumeTranslator.open(await this.gpu.device(), config, zip, pacing);
    const { image, range } = prepareFor(kept.image, config, kept.image.name);
    const pseudo = await translator.translate(image, range, { signal, onProgress: ofSlices(onProgress) });
    const { shape, spacingMm } = image;
    const { affine, geometry } = kept.image;
    const volume = makeVolume(`pseudo ${kept.image.name}`, pseudo, shape, spacingMm);
    return this.files.addImage({ ...volume, affine, geometry });
  }

  /** The model's programs, which are kept until another model is used. */
  async #segmenter(id: number, options: Pick<Pacing, "signal" | "onProgress">): Promise<Segmenter> {
    const device = await this.gpu.device();
    if (this.#opened?.model === id && this.#opened.device === device) return this.#opened.segmenter;
    this.#opened?.segmenter.dispose();
    this.#opened = undefined;
    const pacing = { ...options, yieldEveryMs: YIELD_MS };
    const model = this.files.models.get(id);
    const zip = this.files.zips.get(id);
    if (!model && !zip) throw new UsageError("the model was closed");
    const segmenter = model
      ? await Segmenter.open(device, model, pacing)
      : (await VolumeSegmenter.open(device, zip!.config, zip!, pacing)).segmenter;
    this.#opened = { model: id, device, segmenter };
    return segmenter;
  }

  #image(id: number): KeptImage {
    const found = this.files.images.get(id);
    if (!found) throw new UsageError("the image was closed");
    return found;
  }
}

type OnProgress = (progress: Progress) => void;

const ofCompiling =
  (tell: OnProgress) =>
  ({ done, total }: CompileProgress): void =>
    tell({ what: "compiling", part: done / total });

const ofSlices =
  (tell: OnProgress) =>
  ({ done, total }: SliceProgress): void =>
    tell({ what: `slice ${Math.min(done + 1, total)} of ${total}`, part: done / total });
