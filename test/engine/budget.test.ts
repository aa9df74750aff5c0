// A memory budget changes what is kept, not what is computed; what can't be planned is told before it is made.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, MemoryBudgetError, RandomStreams, type Tensor } from "../../engine/index.ts";
import { segmentation } from "../../losses/index.ts";
import { UNet } from "../../models/index.ts";
import { Adam } from "../../train/adam.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import { device, noise, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("memory budget");

const shape = [2, 32, 32, 1];
const inputs = { x: shape, y: shape };

function unetStep(): { adam: Adam; f: (i: { x: Tensor; y: Tensor }) => { loss: Tensor } } {
  const net = new UNet({ width: 4 }).initialize(new RandomStreams(4), "net");
  const adam = new Adam(net.parameters(), { rate: 1e-3 });
  return {
    adam,
    f: ({ x, y }) => {
      const loss = segmentation(net.forward(x).logits, y);
      adam.minimize(loss);
      return { loss };
    },
  };
}

async function course(
  memoryBudget?: number,
): Promise<{ losses: number[]; p: Float32Array; activationBytes: number; dispatches: number }> {
  const d = await device();
  const { adam, f } = unetStep();
  using step = await d.compile(f, inputs, { mode: "train", memoryBudget });
  const x = noise(2048, 3);
  const y = x.map((v) => Number(v > 0.5));
  const losses: number[] = [];
  for (let i = 0; i < 3; i++) {
    step.run({ x, y });
    losses.push((await step.read()).loss[0]!);
  }
  const { activationBytes, dispatches } = step.stats();
  return { losses, p: (await d.read(adam.state[0]!.parts[0]!)) as Float32Array, activationBytes, dispatches };
}

test("a U-Net step at 70 and 55 % of its memory has the same losses and parameters", async () => {
  const whole = await course();
  for (const share of [0.7, 0.55]) {
    const budget = Math.floor(whole.activationBytes * share);
    const tight = await course(budget);
    assert.ok(tight.activationBytes <= budget, `${tight.activationBytes} bytes for a budget of ${budget}`);
    assert.ok(tight.dispatches > whole.dispatches);
    assert.ok(worst(tight.losses, whole.losses) < 1e-6);
    assert.ok(worst(tight.p, whole.p) < 1e-5, `parameters differ by ${worst(tight.p, whole.p)}`);
  }
});

test("a U-Net step of base 16 at 64 × 64, batch 2, is at most 150 dispatches of 40 pipelines in 25 MB", async () => {
  const step = await Device.open((await environment().gpu()).gpu, { traits: { cpu: true } });
  const net = new UNet({ width: 16 }).initialize(new RandomStreams(4), "net");
  const adam = new Adam(net.parameters(), { rate: 1e-3 });
  const image = [2, 64, 64, 1];
  const e = step.estimate(
    ({ x, y }) => {
      const loss = segmentation(net.forward(x).logits, y);
      adam.minimize(loss);
      return { loss };
    },
    { x: image, y: image },
    { mode: "train" },
  );
  step.dispose();
  assert.ok(e.dispatches <= 150 && e.pipelines <= 40 && e.bytes <= 25e6, JSON.stringify(e));
  assert.ok(e.activationBytes <= 1.15 * e.lowerBoundBytes);
});

test("a full CMEDL step, 256 × 256, batch 2: 4 GB where all is kept, 2 GB by itself for 2 % more operations", async () => {
  // As a GPU would run it: planned, never made.
  const step = await Device.open((await environment().gpu()).gpu, { traits: { cpu: false } });
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
  const plan = (memoryBudget?: number) =>
    step.estimate(
      (batch) => regime.step(batch),
      { xC: image, yC: image, xM: image, yM: image },
      { mode: "train", memoryBudget },
    );
  const whole = plan(Infinity);
  const thrifty = plan();
  step.dispose();
  assert.ok(
    whole.activationBytes <= 4e9 && whole.activationBytes <= 1.02 * whole.lowerBoundBytes,
    JSON.stringify(whole),
  );
  assert.is(whole.flopsRatio, 1);
  assert.ok(thrifty.activationBytes <= 2e9 && thrifty.flopsRatio <= 1.02, JSON.stringify(thrifty));
});

test("inference plans within 1.15 of what is alive at the peak, for neighbours may share a dispatch", async () => {
  const d = await device();
  const net = new UNet({ width: 16 }).initialize(new RandomStreams(4), "net");
  const specs = { x: [1, 64, 64, 1] };
  const x = noise(4096, 3);
  using lean = await d.compile((i) => ({ y: net.forward(i.x).logits }), specs);
  // What is given out stays where it is: another plan.
  using whole = await d.compile((i) => {
    const { logits, features } = net.forward(i.x);
    return { y: logits, ...Object.fromEntries(features.map((f, n) => [`f${n}`, f])) };
  }, specs);
  const { activationBytes, lowerBoundBytes } = lean.stats();
  assert.ok(activationBytes <= 1.15 * lowerBoundBytes, `${activationBytes} bytes, at least ${lowerBoundBytes}`);
  for (const p of [lean, whole]) p.run({ x });
  assert.equal((await lean.read()).y, (await whole.read("y")).y);
});

test("an estimate makes nothing and agrees with the program", async () => {
  const d = await device();
  const before = { ...d.counters };
  const e = d.estimate(unetStep().f, inputs, { mode: "train" });
  assert.equal({ ...d.counters }, before);
  using step = await d.compile(unetStep().f, inputs, { mode: "train" });
  const { activationBytes, dispatches, pipelines, variableBytes, lowerBoundBytes } = step.stats();
  assert.equal(
    [e.activationBytes, e.dispatches, e.pipelines, e.variableBytes, e.lowerBoundBytes],
    [activationBytes, dispatches, pipelines, variableBytes, lowerBoundBytes],
  );
  assert.is(e.flopsRatio, 1);
  const tight = d.estimate(unetStep().f, inputs, { mode: "train", memoryBudget: 0.7 * activationBytes });
  assert.ok(tight.flopsRatio >= 1 && tight.flopsRatio < 1.5, `${tight.flopsRatio} times the operations`);
});

test("a budget that nothing can meet is an error with the bytes and what would help", async () => {
  const d = await device();
  try {
    d.estimate(unetStep().f, inputs, { mode: "train", memoryBudget: 20000, name: "step" });
    assert.unreachable();
  } catch (e) {
    assert.instance(e, MemoryBudgetError);
    const { bytes, message } = e as MemoryBudgetError;
    assert.is(bytes.budget, 20000);
    assert.ok(bytes.reached > 20000 && bytes.reached <= bytes.whole);
    assert.match(message, /^step needs .* raise the budget .* batch .* smaller/);
  }
});

test.run();
