// A tiny network of random weights and a phantom to segment by it, as files; it finds a seventh of the voxels.
import { phantomCase, softTissueWindow, writeNifti } from "../../data/index.ts";
import { RandomStreams } from "../../engine/index.ts";
import { networkModel, saveModel } from "../../inference/index.ts";
import { UNet } from "../../models/index.ts";

export interface TinySegmentation {
  readonly network: UNet;
  /** A safetensors file for `loadModel`. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** A NIfTI file. */
  readonly scan: Uint8Array<ArrayBuffer>;
}

/** Both with slices of `size` × `size`. */
export async function tinySegmentation(size: number): Promise<TinySegmentation> {
  const network = new UNet({ width: 2, depth: 2 });
  network.initialize(new RandomStreams(8));
  const parameters = [...network.parameters()];
  // Weights as a network begins with let nothing of the image through to its last layer: it would find all or nothing.
  for (const v of parameters) if (v.shape.length === 4) v.setInitial(Float32Array.from(v.initialData(), (w) => 20 * w));
  parameters.at(-1)!.setInitial(Float32Array.of(0));
  const labels = [{ value: 1, name: "tumour" }];
  const images = { size, fieldMm: 330, intensity: softTissueWindow, labels };
  const volume = phantomCase({ modality: "CT", seed: 0, index: 0, size }).image;
  return {
    network,
    model: await saveModel(networkModel({ network: "unet", module: network, ...images })),
    scan: writeNifti(Int16Array.from(volume.data), volume),
  };
}
