// ImageNet weights of VGG19 from a file with torchvision's names: safetensors, or the .pth that torchvision publishes.
import { toFloat32 } from "../../data/weights/safetensors.ts";
import { DataError } from "../../data/errors.ts";
import { type VggLayers, tapsWithin } from "../../models/vgg.ts";
import type { ForeignTensor } from "../../models/pytorch.ts";
import { readWeights } from "./weights.ts";

const tensorsOf = async (path: string) => (await readWeights(path)).tensors;

export interface VggFile {
  /** Those of the taps asked for that the file reaches. */
  readonly taps: readonly string[];
  /** Channels of the first stage. */
  readonly width: number;
}

/** What a file of VGG weights allows. Throws DataError where it reaches none of the taps. */
export async function examineVgg(
  path: string,
  { layers, taps: wanted }: { layers: VggLayers; taps: readonly string[] },
): Promise<VggFile> {
  const tensors = await tensorsOf(path);
  const taps = tapsWithin(tensors.keys(), wanted, layers);
  if (taps.length === 0)
    throw new DataError(
      path,
      "tensors",
      `holds no VGG${layers} weights up to ${wanted[0]} under torchvision's names (features.0.weight …)`,
      `give torchvision's vgg${layers} state dict, .pth or .safetensors, or leave --vgg out`,
    );
  const [width] = tensors.get("features.0.weight")!.shape; // [64, 3, 3, 3], as tapsWithin saw
  return { taps, width: width! };
}

/** The file's weights. Throws DataError, FileError. */
export const vggWeights = async (path: string): Promise<ReadonlyMap<string, ForeignTensor>> =>
  new Map([...(await tensorsOf(path))].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
