// No dispatch of the paper's step takes long enough for a watchdog of an operating system, by its plan on a modest GPU.
import { Device } from "../../engine/index.ts";
import { compile } from "../../engine/run/compilation.ts";
import { explainDispatch } from "../../engine/run/explain.ts";
import { finish } from "../../engine/pace.ts";
import { UNet } from "../../models/index.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import { environment } from "../helpers/environment.ts";
import { type Soak, Tally, must } from "./soak.ts";

const FLOPS = 160e9;
const BYTES = 20e9;
const LIMIT_MS = 200;

export const longDispatches: Soak = {
  name: "long-dispatches",
  tries:
    "each dispatch of the CMEDL step of width 64, 256 × 256, batch 2, planned for a GPU of 160 GFLOP/s and 20 GB/s",
  seconds: 15,
  run: async () => {
    const tally = new Tally();
    using device = await Device.open((await environment().gpu()).gpu, { traits: { cpu: false } });
    const width = 64;
    const image = [2, 256, 256, 1];
    const translator = new CycleTranslator({
      image: [256, 256],
      seed: 1,
      generator: { width },
      discriminator: { width },
      features: { width },
    });
    const regime = new Cmedl({ seed: 1, segmentor: () => new UNet({ width }), translator });
    const shapes = { xC: image, yC: image, xM: image, yM: image };
    const planned = compile(
      (batch) => regime.step(batch as never) as never,
      shapes,
      { mode: "train" },
      device.gpu.traits,
      device.gpu,
    );
    const { plan } = finish(planned);
    const all = plan.stages.flatMap((s) => s.dispatches).map((d) => explainDispatch(d));
    const timed = all
      .map((d) => ({ ...d, ms: 1000 * Math.max(d.flops / FLOPS, d.bytes / BYTES) }))
      .sort((a, b) => b.ms - a.ms);
    for (const { label, kernel, ms } of timed)
      await tally.try(`${kernel} ${label}`, () => {
        must(ms <= LIMIT_MS, `takes ${Math.round(ms)} ms by its plan`);
      });
    tally.goal(`each at most ${LIMIT_MS} ms`, `${Math.round(timed[0]!.ms)} ms`, timed[0]!.ms <= LIMIT_MS);
    const total = timed.reduce((sum, { ms }) => sum + ms, 0);
    for (const { kernel, label, ms } of timed.slice(0, 3)) tally.note(`${ms.toFixed(0)} ms: ${kernel} ${label}`);
    tally.note(`the whole step: ${(total / 1000).toFixed(1)} s`);
    return tally;
  },
};
