// A child that trains a tiny run in a folder, or goes on with one, as `cmedl train` keeps it: lock, checkpoints, log,
// pictures, report. It prints the events of its log, and leaves with the command's exit codes.
//
//   node tiny-run.mjs FOLDER EPOCHS STEPS SAVE_EVERY
//
// With SOAK_HANG=N its GPU is given an endless kernel after step N, with SOAK_CRASH=N it aborts there: once for each
// file that SOAK_ONCE names.
import { existsSync, writeFileSync } from "node:fs";
import { lungWindow } from "../../data/intensity.ts";
import { Device } from "../../engine/index.ts";
import { exitOf } from "../../cli/exit.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { Narrator } from "../../node/narrator.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { keepTraining } from "../../node/run/train.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { slicesToPicture } from "../../train/run/pictured.ts";
import { MeasuredImages } from "../../train/statistics.ts";
import { Training } from "../../train/loop.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { tinyRegime } from "./tiny-net.ts";

const [folder = "", epochs = "2", steps = "3", saveEvery = "2"] = process.argv.slice(2);

/** Submits a kernel that never ends; a compiler can't know that it does not. */
function hang(device: GPUDevice): void {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(1) fn main() { loop { if (x[0] == 1u) { break; } x[1] = x[1] + 1u; } }`;
  const compute = { module: device.createShaderModule({ code }) };
  const pipeline = device.createComputePipeline({ layout: "auto", compute });
  const buffer = device.createBuffer({ size: 16, usage: GPUBufferUsage.STORAGE });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const layout = pipeline.getBindGroupLayout(0);
  pass.setBindGroup(0, device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }));
  pass.dispatchWorkgroups(1);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

async function main(): Promise<void> {
  const config = presetConfig("ct-only", {
    data: { size: 32, student: "memory" },
    optimization: { epochs: Number(epochs), steps: Number(steps), batch: 2 },
    saveEvery: Number(saveEvery),
  });
  const validation = discs(4, 9, 0.3);
  const narrator = new Narrator({ quiet: true });
  const isNew = await RunFolder.check(folder).then(
    () => true,
    () => false,
  );
  const run = isNew ? await RunFolder.create(folder) : await RunFolder.open(folder);
  await using _lock = await run.lock();
  if (isNew) await run.writeConfig(config);
  await run.readConfig();
  const from = await run.standing();
  const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
  const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 2, seed: 5, steps: Number(steps) });
  using training = await Training.create(
    device,
    tinyRegime({ adam: { ema: 0.9 } }),
    batches,
    {
      epochs: Number(epochs),
      saveEvery: Number(saveEvery),
      config,
      validation,
      pictured: slicesToPicture(validation, 2),
      watch: true,
    },
    from,
  );
  const summary = new MeasuredImages(lungWindow).summary();
  const sets = {
    student: discs(6, 1, 0.3),
    teacher: undefined,
    validation,
    statistics: {
      version: 1 as const,
      student: summary,
      slices: { student: { count: 6, size: 32, foreground: [1] } },
    },
    bytesInMemory: 0,
    [Symbol.dispose]: () => {},
  };
  const say = (event: object): boolean => process.stdout.write(`${JSON.stringify(event)}\n`);
  const harm = (event: { event?: string; steps?: number }): void => {
    say(event);
    const { SOAK_HANG, SOAK_CRASH, SOAK_ONCE = "" } = process.env;
    if (event.event !== "step" || ![SOAK_HANG, SOAK_CRASH].includes(`${event.steps}`) || existsSync(SOAK_ONCE)) return;
    writeFileSync(SOAK_ONCE, `${Date.now()}`);
    if (SOAK_CRASH) process.abort();
    hang(device.gpu.device);
  };
  say({ event: "ready", from: training.progress.steps });
  await keepTraining(
    training,
    { config, sets, run, narrator },
    { from, startSeconds: 0, init: undefined, onEvent: harm },
  );
  say({ event: "done" });
}

const { exitCode, sentence } = await main().then(
  () => ({ exitCode: 0, sentence: "" }),
  (error: unknown) => exitOf(error),
);
if (sentence) process.stderr.write(`${sentence}\n`);
process.stdout.write("", () => process.exit(exitCode));
