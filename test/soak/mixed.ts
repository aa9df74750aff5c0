// Half precision over many steps: its losses stay within a band of those in single precision.
import { Device } from "../../engine/index.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { UNet } from "../../models/index.ts";
import { Training } from "../../train/loop.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { environment } from "../helpers/environment.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { type Budget, type Soak, Tally, must } from "./soak.ts";

const STEPS = 2000;
/** Means of the loss over this many steps are compared. */
const WINDOW = 50;
/** They differ by no more than this, of a Dice loss from 0 to 1. */
const BAND = 0.05;

export const mixed: Soak = {
  name: "mixed",
  tries: `${STEPS} steps of a U-Net in half precision beside single precision`,
  seconds: 60,
  run: async (budget) => {
    const tally = new Tally();
    const { gpu, adapter } = await environment().gpu();
    if (!adapter.features.has("shader-f16")) {
      tally.note("skipped: the adapter has no shader-f16");
      return tally;
    }
    const losses = async (precision: "f32" | "mixed", own: Budget, most: number): Promise<number[]> => {
      using device = await Device.open(gpu);
      const adam = precision === "mixed" ? { scaled: true } : {};
      const regime = new StudentOnly({ seed: 3, segmentor: () => new UNet({ width: 2, depth: 1 }), rate: 2e-3, adam });
      const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 2, seed: 5, steps: most });
      using training = await Training.create(device, regime, batches, { epochs: 1, precision });
      const found: number[] = [];
      const stop = new AbortController();
      await training.run(
        {
          onStep: (report) => {
            found.push(report.losses.lossS!);
            if (!own.allows(found.length)) stop.abort();
          },
        },
        stop.signal,
      );
      return found;
    };
    const half = await losses("mixed", budget.part(0.6), STEPS);
    const full = await losses("f32", budget.part(10), half.length);
    const windows = Math.floor(half.length / WINDOW);
    const mean = (of: readonly number[], w: number): number =>
      of.slice(w * WINDOW, (w + 1) * WINDOW).reduce((sum, v) => sum + v, 0) / WINDOW;
    let most = 0;
    for (let w = 0; w < windows; w++)
      await tally.try(`steps ${w * WINDOW + 1} to ${(w + 1) * WINDOW}`, () => {
        const apart = Math.abs(mean(half, w) - mean(full, w));
        most = Math.max(most, apart);
        must(apart <= BAND, `losses are ${apart.toFixed(3)} apart`);
      });
    tally.count("steps", half.length, STEPS);
    tally.note(`${half.length} steps; losses are at most ${most.toFixed(4)} apart over ${WINDOW} steps`);
    return tally;
  },
};
