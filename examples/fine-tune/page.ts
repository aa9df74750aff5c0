// Fine-tunes a PyTorch U-Net on the page's GPU: reads its state dict, trains on two phantoms, gives a model's file.
import { Device } from "cmedl";
import { SliceCollector, phantomSet, rangeOf, readWeightFile, softTissueWindow, toFloat32 } from "cmedl/data";
import { modelOf, saveModel } from "cmedl/inference";
import { segmentation } from "cmedl/losses";
import { Adam } from "cmedl/train";

const SIZE = 32;
const BATCH = 4;
const STEPS = 20;
const fieldMm = 330;
const said = document.querySelector("#said")!;

async function tune(file: File): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors } = readWeightFile(new Uint8Array(await file.arrayBuffer()), file.name);
  const dict = new Map([...tensors].map(([name, t]) => [name, { shape: t.shape, data: toFloat32(t) }]));
  const labels = [{ value: 1, name: "tumour" }];
  const model = modelOf({ network: "unet", size: SIZE, fieldMm, intensity: softTissueWindow, labels }, dict);
  const collector = new SliceCollector({ grid: { fieldMm, size: SIZE } });
  for (const patient of phantomSet({ modality: "CT", seed: 0, size: SIZE }, 2, 0))
    collector.add(patient, rangeOf(softTissueWindow, patient.image.data, patient.id));
  const { images, masks, count } = collector.finish("phantoms");

  using device = await Device.open(navigator.gpu);
  const adam = new Adam(model.module.parameters(), { rate: 1e-3 });
  const shape = [BATCH, SIZE, SIZE, 1];
  using step = await device.compile(
    ({ x, y }) => {
      const loss = segmentation(model.segment(x), y);
      adam.minimize(loss);
      return { loss };
    },
    { x: shape, y: shape },
    { mode: "train", yieldEveryMs: 16 },
  );
  const n = SIZE ** 2 * BATCH;
  const losses: number[] = [];
  for (let i = 0; i < STEPS; i++) {
    const at = n * (i % Math.floor(count / BATCH));
    step.run({ x: images.subarray(at, at + n), y: Float32Array.from(masks.subarray(at, at + n)) });
    losses.push((await step.read()).loss[0]!);
    said.textContent = `loss ${losses[0]!.toFixed(4)} → ${losses.at(-1)!.toFixed(4)}`;
  }
  return await saveModel(model, device); // before the device goes
}

document.querySelector<HTMLInputElement>("#weights")!.addEventListener("change", async ({ target }) => {
  const link = document.querySelector<HTMLAnchorElement>("#saved")!;
  try {
    link.href = URL.createObjectURL(new Blob([await tune((target as HTMLInputElement).files![0]!)]));
    link.hidden = false;
  } catch (error) {
    said.textContent = (error as Error).message;
  }
});
