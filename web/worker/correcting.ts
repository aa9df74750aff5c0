// Models that learn from corrected slices, and their files.
import { DataError } from "../../data/errors.ts";
import { Device, UsageError } from "../../engine/index.ts";
import { type Label, type NetworkModel, prepareVolume, saveModel } from "../../inference/index.ts";
import { fineTune, lastStagesOf, slicesForModel } from "../../train/fine-tune.ts";
import { transfer } from "comlink";
import type { Files, OpenedModel } from "./files.ts";
import type { WrittenFile } from "./results.ts";
import { type Progress, YIELD_MS } from "./segmenting.ts";

/** A mask of an image, and the slices of it that are right. */
export interface Corrections {
  readonly imageId: number;
  /** Label values, one a voxel, in Left-Posterior-Superior order. */
  readonly mask: Uint8Array<ArrayBuffer>;
  readonly labels: readonly Label[];
  /** Axial slices to learn from, and others to judge by. */
  readonly learned: readonly number[];
  readonly leftOut: readonly number[];
}

/** What of a model learns. */
export interface LastStages {
  /** Paths of modules. */
  readonly paths: readonly string[];
  readonly parameters: number;
  /** Of the whole model. */
  readonly ofParameters: number;
}

export interface Learned {
  readonly model: OpenedModel;
  /** On the slices that were left out. */
  readonly dice?: { readonly before: number; readonly after: number };
  readonly seconds: number;
}

export class Correcting {
  constructor(readonly files: Files) {}

  /** What of a model learns. Throws UsageError where it is closed. */
  lastStages(modelId: number): LastStages {
    const model = this.#model(modelId);
    const { paths, parameters } = lastStagesOf(model);
    return {
      paths,
      parameters: parameters.reduce((n, v) => n + v.size, 0),
      ofParameters: model.module.parameterCount(),
    };
  }

  /**
   * A new model, called `name`, of which the last stages learned from corrected slices; Dice on others is reported
   * before and after. The model that was given stays. Throws UsageError where one of the two is closed, DataError where
   * the mask has labels that the model does not know, what `fineTune` throws, and AbortError.
   */
  async learn(
    modelId: number,
    { imageId, mask, labels, learned, leftOut }: Corrections,
    { steps, name }: { readonly steps: number; readonly name: string },
    onProgress: (progress: Progress) => void,
    onLoss: (loss: number) => void,
    signal: AbortSignal,
  ): Promise<Learned> {
    const start = performance.now();
    const model = this.#model(modelId);
    const kept = this.files.images.get(imageId);
    if (!kept) throw new UsageError("the image was closed");
    const { image, range } = prepareVolume(kept.image, model, kept.image.name);
    const corrected = { id: image.name, patient: image.name, image, mask: inClasses(mask, labels, model, image.name) };
    // A device of its own, with which the copy's variables go.
    const device = await Device.open(navigator.gpu);
    try {
      const tuned = await fineTune(device, model, slicesForModel(corrected, learned, range, model), {
        steps,
        signal,
        yieldEveryMs: YIELD_MS,
        ...(leftOut.length > 0 && { leftOut: slicesForModel(corrected, leftOut, range, model) }),
        onProgress: ({ done, total }) => onProgress({ what: "compiling", part: done / total }),
        onStep: ({ step, loss }) => {
          onProgress({ what: `learning, step ${step} of ${steps}`, part: step / steps });
          onLoss(loss);
        },
      });
      return {
        model: this.files.addModel(tuned.model, name),
        ...(tuned.dice && { dice: tuned.dice }),
        seconds: (performance.now() - start) / 1000,
      };
    } finally {
      device.dispose();
    }
  }

  /** The file of a model, as `cmedl export` writes it. Throws UsageError where it is closed. */
  async write(modelId: number, name: string): Promise<WrittenFile> {
    const bytes = await saveModel(this.#model(modelId));
    return transfer({ name, bytes }, [bytes.buffer]);
  }

  #model(id: number): NetworkModel {
    const model = this.files.models.get(id);
    if (!model) throw new UsageError("the model was closed, or is of a kind that does not learn here");
    return model;
  }
}

/** Label values as class numbers of a model. A model of one structure takes any label for it. */
function inClasses(
  mask: Uint8Array<ArrayBuffer>,
  labels: readonly Label[],
  model: NetworkModel,
  image: string,
): Uint8Array<ArrayBuffer> {
  if (model.labels.length === 1) return mask.map((v) => Number(v > 0));
  const classes = new Uint8Array(256);
  model.labels.forEach(({ value }, i) => {
    classes[value] = i + 1;
  });
  for (const value of new Set(mask)) {
    if (value === 0 || classes[value] !== 0) continue;
    const name = labels.find((l) => l.value === value)?.name ?? "no name";
    const known = model.labels.map((l) => `${l.value} (${l.name})`).join(", ");
    throw new DataError(image, "mask", `has label ${value} (${name}), which the model does not know`, `draw ${known}`);
  }
  return mask.map((v) => classes[v]!);
}
