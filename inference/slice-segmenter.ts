// A segmentor as a program over slices: probabilities, whatever it gives.
import { type Device, type Tensor, areProbabilities, sigmoid, softmax } from "../engine/index.ts";
import { SliceProgram, type SliceProgramOptions } from "./slice-program.ts";

/**
 * Logits [N, H, W, K] as probabilities: of the one structure for K = 1, else of each class. What `sigmoid` or `softmax`
 * gave is taken as it is.
 */
export function probabilities(logits: Tensor): Tensor {
  if (areProbabilities(logits)) return logits;
  return logits.shape[3] === 1 ? sigmoid(logits) : softmax(logits);
}

/**
 * Compiles `segment`, logits (or probabilities, by `sigmoid` or `softmax`) of x [n, size, size, 1], as a program that
 * gives its probabilities [n, size, size, K].
 */
export const compileSegmenter = (
  device: Device,
  segment: (x: Tensor) => Tensor,
  { batch, size, ...pacing }: Omit<SliceProgramOptions, "name">,
): Promise<SliceProgram<"probability">> =>
  SliceProgram.compile(device, (x) => ({ probability: probabilities(segment(x)) }), {
    batch,
    size,
    name: "segment",
    ...pacing,
  });
