// What it costs a step to tell of numbers that are not finite: its gradients' norms, which nothing else needs, and
// their judging. A step of the demo's sizes and the dispatches of the check alone take turns, by the driver's processor
// time.
import type { watchDriver } from "../../bench/measure/driver-time.ts";
import { Device } from "../../engine/index.ts";
import { writeInputs } from "../../engine/run/inputs.ts";
import type { OpenedProgram } from "../../engine/run/program.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { aside } from "../../lab/aside.ts";
import { encodeStages } from "../../lab/capture.ts";
import { startOfRun } from "../../train/checkpoint.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { PAYS_DEFAULTS, paysRecipe } from "../../train/pays.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { StepPrograms } from "../../train/step-programs.ts";
import { environment } from "../helpers/environment.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { type Budget, type Tally, must, quantile } from "./soak.ts";

/** Turns that are counted, at most. */
const TURNS = 40;
/** Times that the check is done in a turn, for it is short. */
const CHECKS = 50;
/** Of a step. */
const MOST = 0.01;
/** A norm is the sum of the squares of an optimizer's gradients, which lie in blocks of 64. */
const IS_CHECK = /^reduce-sum \[\d+, 64\]/;

/** Compares them for as long as `budget` allows. `driverMs` was made before a GPU was opened. */
export async function costOfCheck(
  budget: Budget,
  driverMs: ReturnType<typeof watchDriver>,
  tally: Tally,
): Promise<void> {
  if (!driverMs) {
    tally.note("the cost of the check is not measured: this system does not tell the driver's processor time");
    return;
  }
  using device = await Device.open((await environment().gpu()).gpu);
  const config = presetConfig("cmedl", paysRecipe(PAYS_DEFAULTS));
  const batches = new UnpairedBatches(discs(8, 1, 0.3), discs(8, 2, 0.8), { batch: 4, seed: 5, steps: 1 });
  const programs = await StepPrograms.compile(device, makeRegime(config), batches, { epochs: 1 });
  const buffers = batches.buffers();
  batches.fill(0, 0, buffers);
  const progress = startOfRun();
  programs.prepare(progress);
  const [steps, checks]: [number[], number[]] = [[], []];
  let dispatches = 0;
  await aside(programs.last, async (opened) => {
    const { parts, made, replays, writeHost } = opened;
    const { gpu } = parts;
    const all = replays.map((_, i) => i).slice(0, -1);
    const check = all.filter((i) => IS_CHECK.test(replays[i]!.dispatch.label));
    dispatches = check.length;
    must(dispatches > 0, "no dispatch of the check was found");
    const turn = async (encode: (encoder: GPUCommandEncoder) => void): Promise<number> => {
      const before = driverMs();
      const encoder = gpu.device.createCommandEncoder();
      encode(encoder);
      gpu.submit(encoder.finish());
      await gpu.readBuffer(made.status, 0, 4);
      return driverMs() - before;
    };
    for (let n = -1; n < TURNS && (n < 3 || budget.leftMs > 0); n++) {
      const step = await turn((encoder) => {
        writeInputs(parts, made.places, { ...buffers }, encoder);
        writeHost();
        encodeStages(encoder, opened, 0, all.length);
      });
      const many = await turn((encoder) => {
        const pass = encoder.beginComputePass();
        for (let c = 0; c < CHECKS; c++) for (const i of check) encodeOne(pass, opened, i);
        pass.end();
      });
      if (n < 0) continue;
      steps.push(step);
      checks.push(many / CHECKS);
    }
  });
  const values = await programs.start(progress, buffers).read();
  const began = performance.now();
  for (let n = 0; n < 1000; n++) programs.judge(values, progress);
  const judgeMs = (performance.now() - began) / 1000;
  programs.dispose();
  const [stepMs, checkMs] = [quantile(steps, 0.5), quantile(checks, 0.5)];
  const part = (checkMs + judgeMs) / stepMs;
  tally.note(
    `cost of the check: ${dispatches} dispatches of ${checkMs.toFixed(3)} ms and ${(1000 * judgeMs).toFixed(0)} µs of the host ` +
      `in a step of ${stepMs.toFixed(1)} ms of the driver's processor time (CMEDL of the demo's sizes, ${steps.length} turns)`,
  );
  tally.goal(`check at most ${100 * MOST} % of a step`, `${(100 * part).toFixed(2)} %`, part <= MOST);
}

function encodeOne(pass: GPUComputePassEncoder, { replays }: OpenedProgram, at: number): void {
  const { dispatch, pipeline, bindGroup } = replays[at]!;
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
}
