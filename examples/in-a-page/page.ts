// U-Net inference in a page: reads a file of weights, segments a CT phantom on the page's GPU, paints the mask red.
import { Device, sigmoid } from "cmedl";
import { imageSlice, phantomCase, rangeOf, readSafetensors, softTissueWindow, toFloat32 } from "cmedl/data";
import { type ForeignTensor, loadStateDict, UNet } from "cmedl/models";

const SIZE = 128;

/** Probability of the tumour, [SIZE, SIZE], on an image [SIZE, SIZE] in [−1, 1]. */
async function segment(weights: ReadonlyMap<string, ForeignTensor>, image: Float32Array): Promise<Float32Array> {
  using device = await Device.open(navigator.gpu);
  const width = weights.get("inc.conv.conv.0.weight")?.shape[0] ?? 64;
  const net = new UNet({ width });
  loadStateDict(net, weights);
  using program = await device.compile(({ x }) => ({ p: sigmoid(net.forward(x).logits) }), { x: [1, SIZE, SIZE, 1] });
  program.run({ x: image });
  return (await program.read()).p as Float32Array;
}

/** Paints an image in [−1, 1] in grey, red where `mask` is above ½. */
function paint(image: Float32Array, mask?: Float32Array): void {
  const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
  const pixels = new ImageData(SIZE, SIZE);
  for (const [i, value] of image.entries()) {
    const grey = 127.5 * (value + 1);
    const red = mask !== undefined && mask[i]! > 0.5;
    pixels.data.set([red ? 255 : grey, grey, grey, 255], 4 * i);
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}

const said = document.querySelector("#said")!;
const phantom = phantomCase({ modality: "CT", seed: 0, index: 0, size: SIZE });
const image = new Float32Array(SIZE * SIZE);
const range = rangeOf(softTissueWindow, phantom.image.data, phantom.id);
imageSlice(phantom.image, 8, range, { fieldMm: 330, size: SIZE }, image);
paint(image);

document.querySelector<HTMLInputElement>("#weights")!.addEventListener("change", async ({ target }) => {
  const file = (target as HTMLInputElement).files?.[0];
  if (!file) return;
  try {
    const { tensors } = readSafetensors(new Uint8Array(await file.arrayBuffer()), file.name);
    const weights = new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
    paint(image, await segment(weights, image));
    said.textContent = `segmented by ${file.name}`;
  } catch (error) {
    said.textContent = (error as Error).message; // one sentence with the mend
  }
});
