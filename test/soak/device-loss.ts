// Devices lost at random moments of training and inference: the work goes on by itself, to the same bits.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Device, DeviceLostError } from "../../engine/index.ts";
import { SliceProgram } from "../../inference/slice-program.ts";
import { DeviceLosses } from "../../node/gpu/losses.ts";
import { Narrator } from "../../node/narrator.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import { openSources, planRun } from "../../node/run/plan.ts";
import { trainRun } from "../../node/run/train.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { readCheckpoint } from "../../train/checkpoint.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { type SavedCheckpoint, Training } from "../../train/loop.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { discs } from "../helpers/tiny-cmedl.ts";
import { type Budget, type Random, Since, type Soak, Tally, must, quantile } from "./soak.ts";
import { type TinyNet, tinyRegime } from "./tiny-net.ts";

/** Within which work must go on after a loss, its compile included. */
const LIMIT_MS = 2000;
/** Losses of each kind of work after which it is enough; together 50 and more. */
const WANTED = { training: 20, inference: 25, runs: 10 } as const;

const STEPS = 12;

const open = async (): Promise<Device> => Device.open((await environment().gpu()).gpu);

export const deviceLoss: Soak = {
  name: "device-loss",
  tries: "device.destroy() at random moments of training, inference and a run's folder",
  seconds: 80,
  run: async (budget, random) => {
    const tally = new Tally();
    const again = [
      ...(await inTraining(budget.part(0.45), random, tally)),
      ...(await inInference(budget.part(0.5), random.of(1), tally)),
    ];
    if (budget.isShort) return tally;
    const inWhole = await inRuns(budget, random.of(2), tally);
    tally.count("losses", again.length + inWhole, 50);
    const slowest = quantile(
      again.map(({ ownMs }) => ownMs),
      1,
    );
    tally.goal(`going on after ${LIMIT_MS / 1000} s at most`, `${(slowest / 1000).toFixed(1)} s`, slowest <= LIMIT_MS);
    return tally;
  },
};

/** Loses the device after a part of the time that a step takes, 0 to 2: within this one, or at its end. */
const loseSoon = (device: Device, draw: Random, stepMs: number): void =>
  void setTimeout(() => device.gpu.device.destroy(), 2 * draw.next() * stepMs);

interface Again {
  readonly ms: number;
  readonly ownMs: number;
}

function mustBeSoon(again: readonly Again[]): void {
  const slow = again.find(({ ownMs }) => ownMs > LIMIT_MS);
  must(!slow, `went on ${Math.round(slow?.ms ?? 0)} ms after the loss, ${Math.round(slow?.ownMs ?? 0)} of them work`);
}

function textOf(again: readonly Again[]): string {
  const at = (of: (a: Again) => number, part: number): number => Math.round(quantile(again.map(of), part));
  const [ms, own] = [(a: Again): number => a.ms, (a: Again): number => a.ownMs];
  return `after ${at(ms, 0.5)} ms (at most ${at(ms, 1)}), of work ${at(own, 0.5)} (${at(own, 1)})`;
}

/** Trainings that keep a checkpoint in memory after each third step. */
async function inTraining(budget: Budget, random: Random, tally: Tally): Promise<readonly Again[]> {
  const course = async (lose?: { draw: Random; stepMs: number }): Promise<{ losses: number[]; again: Again[] }> => {
    const losses: number[] = [];
    const again: Again[] = [];
    let from: SavedCheckpoint | undefined;
    let left = lose ? 4 : 0;
    let lost: Since | undefined;
    const allowed = new DeviceLosses(() => {});
    while (losses.length < STEPS) {
      // Variables belong to their regime: each device gets a new one, with the checkpoint's values.
      using device = await open();
      const batches = new UnpairedBatches(discs(6, 1, 0.3), discs(6, 2, 0.8), { batch: 2, seed: 5, steps: STEPS });
      const options = { epochs: 1, saveEvery: 3 };
      try {
        using training = await Training.create(device, tinyRegime(), batches, options, from);
        losses.length = training.progress.steps;
        await training.run({
          onStep: ({ losses: { lossS } }) => {
            losses.push(lossS!);
            if (lost) again.push({ ms: lost.ms, ownMs: lost.ownMs });
            lost = undefined;
            if (lose && left > 0 && lose.draw.next() < 0.3) {
              left--;
              loseSoon(device, lose.draw, lose.stepMs);
            }
          },
          save: async (bytes) => {
            from = { checkpoint: await readCheckpoint(bytes, "memory"), file: "memory" };
          },
        });
      } catch (error) {
        lost = new Since();
        must(error instanceof DeviceLostError, `not a lost device, but ${String(error)}`);
        must(allowed.allow(error, `after ${losses.length} steps, ${left} left`), "gave up");
      }
    }
    return { losses, again };
  };
  const { losses: want } = await course();
  const began = performance.now();
  await course();
  const stepMs = (performance.now() - began) / STEPS / 2;
  const all: Again[] = [];
  const before = tally.tried;
  for (let n = 0; budget.allows(tally.tried - before) && all.length < WANTED.training; n++) {
    await tally.try(`training ${n} of seed ${random.seed}`, async () => {
      const { losses, again } = await course({ draw: random.of(n), stepMs });
      tally.tried += Math.max(0, again.length - 1);
      all.push(...again);
      must(JSON.stringify(losses) === JSON.stringify(want), "other losses than those of a device that was not lost");
      mustBeSoon(again);
    });
  }
  tally.note(`training: ${all.length} losses, the next step ${textOf(all)}`);
  return all;
}

/** Slices through a network, whose device is lost while it computes. */
async function inInference(budget: Budget, random: Random, tally: Tally): Promise<readonly Again[]> {
  const images = noise(16 * 32 * 32, 3);
  const net = tinyRegime().SC as TinyNet;
  const compiled = (device: Device): Promise<SliceProgram<"y">> =>
    SliceProgram.compile(device, (x) => ({ y: net.forward(x).logits }), { batch: 2, size: 32, name: "segment" });
  let device = await open();
  const first = await compiled(device);
  const want = (await first.run(images)).y;
  const began = performance.now();
  await first.run(images);
  const wholeMs = performance.now() - began;
  let program = first;
  const all: Again[] = [];
  const before = tally.tried;
  for (let n = 0; budget.allows(tally.tried - before) && all.length < WANTED.inference; n++) {
    await tally.try(`inference ${n} of seed ${random.seed}`, async () => {
      const draw = random.of(n);
      loseSoon(device, draw, wholeMs / 2);
      let got: Float32Array;
      let lost: Since;
      try {
        for (;;) {
          got = (await program.run(images)).y;
          must(Buffer.compare(bytesOf(got), bytesOf(want)) === 0, "other numbers before the loss was told");
        }
      } catch (error) {
        lost = new Since();
        must(error instanceof DeviceLostError, `not a lost device, but ${String(error)}`);
      }
      device.dispose();
      device = await open();
      program = await compiled(device);
      got = (await program.run(images)).y;
      all.push({ ms: lost.ms, ownMs: lost.ownMs });
      must(Buffer.compare(bytesOf(got), bytesOf(want)) === 0, "other numbers on the new device");
      mustBeSoon(all.slice(-1));
    });
  }
  device.dispose();
  tally.note(`inference: ${all.length} losses, all slices again ${textOf(all)}`);
  return all;
}

/** Whole runs of `trainRun`, which opens another device by itself; how many were lost. */
async function inRuns(budget: Budget, random: Random, tally: Tally): Promise<number> {
  const base = await mkdtemp(join(tmpdir(), "cmedl-loss-"));
  const narrator = new Narrator({ quiet: true });
  let losses = 0;
  try {
    await writePhantoms(join(base, "ct"), "CT", { size: 32, slices: 3 });
    const asked = presetConfig("ct-only", {
      data: { student: join(base, "ct"), size: 32 },
      networks: { segmentor: { width: 2 } },
      optimization: { batch: 1, steps: 4, epochs: 2 },
      saveEvery: 2,
    });
    const { config } = await planRun(asked, ["xC", "yC"], narrator);
    using sets = await loadRunSets(config, await openSources(config), narrator);
    const course = async (name: string, draw?: Random): Promise<string> => {
      const run = await RunFolder.create(join(base, name));
      await run.writeConfig(config);
      let device = await open();
      let inARow = 0;
      const onEvent = (event: { event?: string }): void => {
        if (!draw || !("losses" in event) || draw.next() > 0.3 || inARow === 2) {
          if ("losses" in event && event.event === "epoch") inARow = 0;
          return;
        }
        losses++;
        inARow++;
        device.gpu.device.destroy();
      };
      const reopen = async (): Promise<Device> => (device = await open());
      await trainRun(device, { config, sets, run, narrator }, { reopen, onEvent });
      return JSON.stringify((await run.events()).map(({ steps, losses, norms }) => ({ steps, losses, norms })));
    };
    const want = await course("whole");
    const before = tally.tried;
    for (let n = 0; budget.allows(tally.tried - before) && losses < WANTED.runs; n++)
      await tally.try(`run ${n} of seed ${random.seed}`, async () => {
        must((await course(`run-${n}`, random.of(n))) === want, "other losses than those of a run that lost no device");
      });
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  tally.note(`whole runs: ${losses} losses`);
  return losses;
}

const bytesOf = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
