// What was dropped on the page: images, masks, contours and models, kept here by number.
import { DataError, printable } from "../../data/errors.ts";
import { type FoundSeries, surveyDicom } from "../../data/formats/dicom-survey.ts";
import { type ImageFile, beginningBytes, isImageName, readFolder, readImage } from "../../data/formats/index.ts";
import { ownerOf } from "../../data/layouts/structure-owner.ts";
import { toLps } from "../../data/orientation.ts";
import { type Volume, type VoxelArray, makeVolume } from "../../data/volume.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { CmedlError, type ErrorData } from "../../errors/cmedl-error.ts";
import { type Label, type NetworkModel, loadModel } from "../../inference/index.ts";
import { keptStateDict } from "../../train/checkpoint.ts";
import { type ModelZip, readModelZip } from "../../train/model-zip.ts";
import { TranslatorRegime } from "../../train/regimes/translator-regime.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { segmentorModel, segmentsAlone } from "../../train/volumes/segmentor-model.ts";
import { imagesOf } from "../../train/volumes/volume-segmenter.ts";
import { transfer } from "comlink";

/** A file with its path below what was dropped. */
export interface DroppedFile {
  readonly path: string;
  readonly file: Blob;
}

/** Where the voxels of what was opened are. */
type Place = Pick<Volume, "shape" | "spacingMm" | "affine" | "oriented">;

/** A volume in Left-Posterior-Superior order, for the page to draw. */
export interface OpenedImage extends Place {
  readonly kind: "image";
  readonly id: number;
  readonly name: string;
  readonly data: VoxelArray;
  readonly warnings: readonly string[];
  /** Whether masks on it can be written as DICOM. */
  readonly isDicom: boolean;
}

export interface OpenedMask extends Place {
  readonly kind: "mask";
  readonly id: number;
  readonly name: string;
  /** Label values, one a voxel. */
  readonly data: Uint8Array<ArrayBuffer>;
  readonly labels: readonly Label[];
}

export interface OpenedModel {
  readonly kind: "model";
  readonly id: number;
  readonly name: string;
  /** Of what it is, in words. */
  readonly says: string;
  readonly labels: readonly Label[];
  /** Whether it makes pseudo images. */
  readonly translates: boolean;
}

export type Opened = OpenedImage | OpenedMask | OpenedModel;

export interface OpenedFiles {
  readonly opened: readonly Opened[];
  /** Why others were not. */
  readonly faults: readonly ErrorData[];
}

/** An image with what its masks need to be written. */
export interface KeptImage {
  /** As it is stored. */
  readonly stored: Volume;
  /** In Left-Posterior-Superior order. */
  readonly image: Volume;
  /** The files of its DICOM series. */
  readonly series?: readonly ImageFile[];
}

/** The page keeps a byte a voxel of a mask. */
export const MOST_LABEL = 255;
/** A file that holds so many labels at most may be a mask. */
const MOST_LABELS = 64;

export class Files {
  readonly images = new Map<number, KeptImage>();
  readonly masks = new Map<number, { readonly volume: Volume; readonly labels: readonly Label[] }>();
  /** Models of a network alone, and the zips of runs: most of these are among the models too. */
  readonly models = new Map<number, NetworkModel>();
  readonly zips = new Map<number, ModelZip>();
  #next = 1;

  /** Opens all that can be opened; reports the rest. */
  async open(dropped: readonly DroppedFile[], onProgress?: (part: number) => void): Promise<OpenedFiles> {
    const opened: Opened[] = [];
    const faults: ErrorData[] = [];
    const all = dropped.map(({ path, file }) => imageFile(path, file, dropped));
    const attempt = async (open: () => Promise<Opened | readonly Opened[]>): Promise<void> => {
      try {
        opened.push(...[await open()].flat());
      } catch (error) {
        faults.push(CmedlError.from(error).toJSON());
      }
    };
    const others: ImageFile[] = [];
    for (const [i, file] of all.entries()) {
      if (/\.zip$/i.test(file.name))
        await attempt(async () => this.addZip(readModelZip(await file.bytes(), file.name), file.name));
      else if (/\.safetensors$/i.test(file.name)) await attempt(async () => this.#model(await file.bytes(), file.name));
      else if (isImageName(file.name) && !isPng(file.name))
        await attempt(async () => this.#volume(await readImage(file)));
      else if (!isBeside(file.name)) others.push(file);
      onProgress?.((i + 1) / all.length);
    }
    for (const [folder, files] of byFolder(others.filter(({ name }) => isPng(name)))) {
      const [first, second] = files as [ImageFile, ...ImageFile[]];
      await attempt(async () => this.#volume(second ? await readFolder(files, folder) : await readImage(first)));
    }
    const rest = others.filter(({ name }) => !isPng(name));
    if (rest.length > 0) await this.#dicom(rest, attempt, faults, onProgress);
    if (opened.length === 0 && faults.length === 0) {
      const name = printable(dropped[0]?.path ?? "what was dropped");
      faults.push(new DataError(name, "file", "is nothing that opens here", OPENS).toJSON());
    }
    return transfer(
      { opened, faults },
      opened.flatMap((o) => (o.kind === "model" ? [] : [o.data.buffer])),
    );
  }

  /** A patient made on the spot: an image and its expert's mask. */
  async phantom(modality: "CT" | "MR", seed: number): Promise<OpenedFiles> {
    const [patient] = phantomSet({ modality, seed, size: 128, slices: 24, fieldMm: 330 }, 1, 0);
    const { image, mask } = patient!;
    const of = (name: string, data: VoxelArray): Volume => makeVolume(name, data, image.shape, image.spacingMm);
    const opened = [
      this.#image(of(`${modality} phantom ${seed}`, image.data)),
      this.#mask(of(`expert of ${modality} phantom ${seed}`, Uint8Array.from(mask))),
    ];
    return transfer(
      { opened, faults: [] },
      opened.map(({ data }) => data.buffer),
    );
  }

  /** Forgets what the page closed. */
  close(id: number): void {
    for (const kept of [this.images, this.masks, this.models, this.zips]) kept.delete(id);
  }

  /** A model that was made here, not dropped. */
  addModel(model: NetworkModel, name: string): OpenedModel {
    const id = this.#next++;
    this.models.set(id, model);
    const { network, size, fieldMm, labels } = model;
    const says = `${network}, ${size} × ${size} pixels of ${fieldMm.toFixed(0)} mm`;
    return { kind: "model", id, name, says, labels, translates: false };
  }

  /** The model of a run: its segmentor alone can be trained further; its translator makes pseudo images. */
  addZip(zip: ModelZip, name: string): OpenedModel {
    const { config, tensors } = zip;
    const translates = makeRegime(config) instanceof TranslatorRegime;
    if (segmentsAlone(config)) {
      const opened = this.addModel(segmentorModel(config, keptStateDict(tensors, "SC")), name);
      this.zips.set(opened.id, zip);
      return { ...opened, says: `${config.regime}, ${opened.says}`, translates };
    }
    const id = this.#next++;
    this.zips.set(id, zip);
    const { size, fieldMm, labels } = imagesOf(config);
    const says = `${config.regime}, ${size} × ${size} pixels of ${fieldMm.toFixed(0)} mm`;
    return { kind: "model", id, name, says, labels, translates };
  }

  #model(bytes: Uint8Array<ArrayBuffer>, name: string): OpenedModel {
    return this.addModel(loadModel(bytes, name), name);
  }

  /** An image that was made here; given to the page. */
  addImage(image: Volume): OpenedImage {
    const opened = this.#image(image);
    return transfer(opened, [opened.data.buffer]);
  }

  #volume(stored: Volume, series?: readonly ImageFile[]): OpenedImage | OpenedMask {
    return series === undefined && isLabelMap(stored.data) ? this.#mask(stored) : this.#image(stored, series);
  }

  #image(stored: Volume, series?: readonly ImageFile[]): OpenedImage {
    const id = this.#next++;
    const image = toLps(stored);
    this.images.set(id, { stored, image, ...(series ? { series } : {}) });
    const { name, warnings } = image;
    const data = image.data.slice();
    return { kind: "image", id, name, data, ...placeOf(image), warnings, isDicom: series !== undefined };
  }

  /** Throws DataError where a label does not fit into a byte. */
  #mask(stored: Volume, names: readonly string[] = []): OpenedMask {
    const image = toLps(stored);
    const { name } = image;
    for (const v of image.data)
      if (v > MOST_LABEL)
        throw new DataError(name, "labels", `hold ${v}, the page keeps ${MOST_LABEL} at most`, "drop fewer structures");
    const data = Uint8Array.from(image.data);
    const values = [...new Set(data)].filter((v) => v > 0).sort((a, b) => a - b);
    const labels = values.map((value) => ({ value, name: names[value - 1] ?? `label ${value}` }));
    const id = this.#next++;
    this.masks.set(id, { volume: { ...image, data }, labels });
    return { kind: "mask", id, name, data: data.slice(), ...placeOf(image), labels };
  }

  /** Series and what was drawn on them. */
  async #dicom(
    files: readonly ImageFile[],
    attempt: (open: () => Promise<Opened | readonly Opened[]>) => Promise<void>,
    faults: ErrorData[],
    onProgress?: (part: number) => void,
  ): Promise<void> {
    const survey = await surveyDicom(files, (done) => onProgress?.(done / files.length));
    faults.push(...survey.faults.map((fault) => fault.toJSON()));
    const images = survey.series.filter(({ isLocalizer }) => !isLocalizer);
    const volumes = new Map<FoundSeries, Volume>();
    for (const series of images) {
      await attempt(async () => {
        const name = series.description || series.modality;
        const volume = { ...(await readFolder(series.files, series.files[0]!.name)), name };
        volumes.set(series, volume);
        return this.#image(volume, series.files);
      });
    }
    for (const found of survey.structures) {
      await attempt(async () => {
        const owner = ownerOf(found, images);
        if (owner instanceof DataError) throw owner;
        const volume = volumes.get(owner);
        if (!volume) return []; // why it can't be read was reported
        const set = await found.open();
        const { data } = await set.draw(set.names, volume);
        return this.#mask({ ...volume, name: found.name, data }, set.names);
      });
    }
  }
}

const placeOf = ({ shape, spacingMm, affine, oriented }: Volume): Place => ({ shape, spacingMm, affine, oriented });

const OPENS = "drop NIfTI, NRRD, MetaImage, DICOM or PNG, or a model that `cmedl export` wrote";
const isPng = (name: string): boolean => /\.png$/i.test(name);
/** Files that others name. */
const isBeside = (name: string): boolean => /\.(raw|zraw|json|yaml)$/i.test(name);

function byFolder(files: readonly ImageFile[]): Map<string, ImageFile[]> {
  const folders = new Map<string, ImageFile[]>();
  for (const file of files) {
    const folder = file.name.slice(0, file.name.lastIndexOf("/") + 1) || "dropped files";
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return folders;
}

export function imageFile(path: string, file: Blob, all: readonly DroppedFile[]): ImageFile {
  const bytesOf = async (blob: Blob): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await blob.arrayBuffer());
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return {
    name: path,
    beginning: () => bytesOf(file.slice(0, beginningBytes)),
    bytes: () => bytesOf(file),
    size: async () => file.size,
    beside: async (name) => {
      const found = all.find((other) => other.path === folder + name);
      return found && bytesOf(found.file);
    },
  };
}

/** Whether voxels are few whole numbers from 0 to 255, mostly 0. */
function isLabelMap(data: VoxelArray): boolean {
  const counts = new Uint32Array(MOST_LABEL + 1);
  for (const v of data) {
    if (!(v >= 0 && v <= MOST_LABEL && Number.isInteger(v))) return false;
    counts[v]!++;
  }
  const used = counts.filter((n) => n > 0).length;
  return used > 1 && used <= MOST_LABELS && counts.every((n) => n <= counts[0]!);
}
