// ImageNet weights of VGG19 from a file with torchvision's names: safetensors, or the .pth that torchvision publishes.
import { toFloat32 } from "../data/safetensors.ts";
import { DataError } from "../data/errors.ts";
import { PAPER_TAPS, type Vgg19, tapsWithin } from "../models/vgg.ts";
import { loadStateDict } from "../models/pytorch.ts";
import { readWeights } from "./weights.ts";

const tensorsOf = async (path: string) => (await readWeights(path)).tensors;

export interface VggFile {
  /** The paper's layers that the file reaches. */
  readonly taps: readonly string[];
  /** Channels of the first stage. */
  readonly width: number;
}

/** What a file of VGG19 weights allows. Throws DataError where it reaches none of the paper's layers. */
export async function examineVgg(path: string): Promise<VggFile> {
  const tensors = await tensorsOf(path);
  const taps = tapsWithin(tensors.keys());
  if (taps.length === 0) throw new DataError(path, "tensors", `holds no VGG19 weights up to ${PAPER_TAPS[0]} under torchvision's names (features.0.weight …)`, "give torchvision's vgg19 state dict, .pth or .safetensors, or leave --vgg out");
  return { taps, width: tensors.get("features.0.weight")!.shape[0] };
}

/** Fills the trunk with the file's weights. Throws StateDictError, DataError, FileError. */
export async function loadVgg(vgg: Vgg19, path: string): Promise<void> {
  loadStateDict(vgg, new Map([...(await tensorsOf(path))].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }])));
}
