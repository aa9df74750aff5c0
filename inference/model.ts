// A network for one purpose: which images it segments, and what its classes are.
import type { Device, Tensor } from "../engine/index.ts";
import type { IntensityRule } from "../data/intensity.ts";
import { setInferenceStatistics } from "../models/blocks.ts";
import { type SegmentorName, segmentorFor } from "../models/segmentors.ts";
import { type ForeignTensor, loadStateDict, toStateDict } from "../models/pytorch.ts";
import type { Segmentor } from "../models/segmentor.ts";

/** A structure: its value in masks, 1 to 32,767, and what it is called. */
export interface Label {
  readonly value: number;
  readonly name: string;
}

/** What turns images into masks, and the images that it was made for. */
export interface SegmentationModel {
  /**
   * Logits [N, size, size, K], or probabilities by `sigmoid` or `softmax`, of images [N, size, size, 1] in [−1, 1]. One
   * structure has K = 1, several have a channel each behind that of the background.
   */
  segment(images: Tensor): Tensor;
  /** Height and width of the images, in pixels. */
  readonly size: number;
  /** Height and width of what an image shows, in mm: a pixel is fieldMm / size. */
  readonly fieldMm: number;
  /** How intensities become [−1, 1]. */
  readonly intensity: IntensityRule;
  readonly labels: readonly Label[];
}

/**
 * What norms normalise by: running averages of training, or those of the image at hand. A mask depends on no other
 * image either way.
 */
export type NormStatistics = "running" | "image";

/** A model whose network is one of the registry, so that a file can hold it. */
export interface NetworkModel extends SegmentationModel {
  readonly network: SegmentorName;
  readonly module: Segmentor;
  readonly statistics: NormStatistics;
}

export type NetworkModelSpec = Omit<NetworkModel, "segment" | "statistics"> & Partial<Pick<NetworkModel, "statistics">>;

/** The model of a network; its norms are set to `statistics`, running averages unless said otherwise. */
export function networkModel({ statistics = "running", ...spec }: NetworkModelSpec): NetworkModel {
  setInferenceStatistics(spec.module, statistics);
  return { ...spec, statistics, segment: (images) => spec.module.forward(images).logits };
}

/**
 * As networkModel, of a state dict in PyTorch's names and layouts, whose shapes tell of the network. Throws
 * StateDictError.
 */
export function modelOf(
  spec: Omit<NetworkModelSpec, "module">,
  dict: ReadonlyMap<string, ForeignTensor>,
): NetworkModel {
  const module = segmentorFor(spec.network, dict);
  loadStateDict(module, dict);
  return networkModel({ ...spec, module });
}

/**
 * The state dict of a model: the values that `device` holds of its network by now, else those that devices start with.
 * Throws what the GPU reported.
 */
export async function stateDictOfModel(
  { module }: Pick<NetworkModel, "module">,
  device?: Device,
): Promise<ReturnType<typeof toStateDict>> {
  const variables = [...module.variables().values()];
  const current = device && (await device.readAll(variables));
  const values = new Map(current?.map((data, i) => [variables[i]!, data]));
  return toStateDict(module, (v) => values.get(v) ?? v.initialData());
}

/** A model of its own, with the values that this one has by now. Throws as stateDictOfModel. */
export const copyModel = async (model: NetworkModel, device?: Device): Promise<NetworkModel> =>
  modelOf(model, await stateDictOfModel(model, device));
