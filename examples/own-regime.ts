// A training step of one's own: two networks, two optimizers, one submit. G gives CT phantoms the look of MR; D judges.
import { Device, type Module, RandomStreams } from "cmedl";
import { SliceCollector, mrPercentile, phantomSet, rangeOf, softTissueWindow } from "cmedl/data";
import { adversarial, discrimination, l1Loss } from "cmedl/losses";
import { PatchDiscriminator, ResnetGenerator } from "cmedl/models";
import { openNodeGpu } from "cmedl/node";
import { Adam } from "cmedl/train";

const SIZE = 32;
const BATCH = 2;
const STEPS = 30;

/** Every slice of four phantom patients, [count, SIZE, SIZE] in [−1, 1]. */
function images(modality: "CT" | "MR"): Float32Array {
  const rule = modality === "CT" ? softTissueWindow : mrPercentile;
  const collector = new SliceCollector({ grid: { fieldMm: 330, size: SIZE }, negatives: "shown" });
  for (const { id, patient, image, mask } of phantomSet({ modality, seed: 0, size: SIZE }, 4))
    collector.add({ id, patient, image, mask }, rangeOf(rule, image.data, id));
  return collector.finish(modality).images;
}

function initialized<M extends Module>(network: M, seed: number): M {
  network.initialize(new RandomStreams(seed));
  return network;
}

using device = await Device.open((await openNodeGpu()).gpu);
const G = initialized(new ResnetGenerator({ width: 8, blocks: 1 }), 1);
const D = initialized(new PatchDiscriminator({ width: 8, layers: 1 }), 2);
const adamG = new Adam(G.parameters(), { rate: 1e-3, name: "G" });
const adamD = new Adam(D.parameters(), { rate: 1e-3, name: "D" });

using step = await device.compile(
  ({ ct, mr }) => {
    const pseudoMr = G.forward(ct);
    const lossG = adversarial(D, pseudoMr);
    adamG.minimize(lossG); // moves G alone, though the gradient passes through D
    const lossD = discrimination(D, mr, pseudoMr); // sees what G made before its update: no second pass
    adamD.minimize(lossD);
    return { lossG, lossD, change: l1Loss(pseudoMr, ct) };
  },
  { ct: [BATCH, SIZE, SIZE, 1], mr: [BATCH, SIZE, SIZE, 1] },
  { mode: "train" },
);

const n = BATCH * SIZE * SIZE;
const [ct, mr] = [images("CT"), images("MR")];
const batchOf = (all: Float32Array, i: number): Float32Array => {
  const first = (i % Math.floor(all.length / n)) * n;
  return all.subarray(first, first + n);
};
for (let i = 0; i < STEPS; i++) {
  step.run({ ct: batchOf(ct, i), mr: batchOf(mr, i) }); // unpaired: the images are of different patients
  if (i % 10 < 9) continue;
  const { lossG, lossD, change } = await step.read();
  console.log(
    `step ${i + 1}: G ${lossG[0]!.toFixed(3)}, D ${lossD[0]!.toFixed(3)}, |G(ct) − ct| ${change[0]!.toFixed(3)}`,
  );
}
