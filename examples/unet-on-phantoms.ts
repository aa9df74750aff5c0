// Trains a small U-Net to find the tumour on MR phantoms of 32 × 32 pixels, and prints Dice on patients it never saw.
import { Device, RandomStreams, add, softmax } from "cmedl";
import { SliceCollector, type SliceSet, mrPercentile, phantomSet, rangeOf } from "cmedl/data";
import { crossEntropy, segmentation } from "cmedl/losses";
import { dice } from "cmedl/metrics";
import { UNet } from "cmedl/models";
import { openNodeGpu } from "cmedl/node";
import { Adam, classesOf } from "cmedl/train";

const SIZE = 32;
const BATCH = 8;
const STEPS = 120;

/** Slices of `count` patients from number `first` on. */
function slices(count: number, first: number): SliceSet {
  const collector = new SliceCollector({ grid: { fieldMm: 330, size: SIZE } });
  for (const patient of phantomSet({ modality: "MR", seed: 0, size: SIZE }, count, first))
    collector.add(patient, rangeOf(mrPercentile, patient.image.data, patient.id));
  return collector.finish("phantoms");
}

/** Images x and masks y of BATCH slices. Steps of seven mix the patients. */
function batch({ images, masks, count }: SliceSet, first: number): { x: Float32Array; y: Float32Array } {
  const n = SIZE * SIZE;
  const [x, y] = [new Float32Array(BATCH * n), new Float32Array(BATCH * n)];
  for (let i = 0; i < BATCH; i++) {
    const at = ((7 * (first + i)) % count) * n;
    x.set(images.subarray(at, at + n), i * n);
    y.set(masks.subarray(at, at + n), i * n);
  }
  return { x, y };
}

using device = await Device.open((await openNodeGpu()).gpu);
const net = new UNet({ width: 8, depth: 2, outputs: 2 });
net.initialize(new RandomStreams(0));
const adam = new Adam(net.parameters(), { rate: 1e-2, betas: [0.9, 0.999] });
using step = await device.compile(
  ({ x, y }) => {
    const { logits } = net.forward(x);
    const loss = add(segmentation(logits, y), crossEntropy(logits, y)); // Dice and cross entropy
    adam.minimize(loss);
    return { loss };
  },
  { x: [BATCH, SIZE, SIZE, 1], y: [BATCH, SIZE, SIZE, 1] },
  { mode: "train" },
);
const training = slices(8, 0);
for (let i = 0; i < STEPS; i++) {
  step.run(batch(training, i * BATCH));
  if (i % 30 === 29) console.log(`step ${i + 1}: loss ${(await step.read()).loss[0]!.toFixed(3)}`);
}

const unseen = batch(slices(2, 8), 0);
using segment = await device.compile(({ x }) => ({ p: softmax(net.forward(x).logits) }), { x: [BATCH, SIZE, SIZE, 1] });
segment.run({ x: unseen.x });
const found = classesOf((await segment.read()).p as Float32Array, BATCH * SIZE * SIZE);
console.log(`Dice ${dice(found, unseen.y).toFixed(3)}`);
