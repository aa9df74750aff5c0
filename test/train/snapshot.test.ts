// A device that is lost in the middle of training: a typed error, and the same losses from the last snapshot on.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Device,
  DeviceLostError,
  Module,
  RandomStream,
  RandomStreams,
  type Tensor,
  UsageError,
  ValuesLostError,
  Variable,
  add,
  mean,
  mul,
  relu,
  square,
  sub,
} from "../../engine/index.ts";
import { BatchNorm2d, Conv2d, Dropout2d } from "../../models/index.ts";
import { Adam, type Snapshot, snapshot } from "../../train/index.ts";
import { noise, openDevice } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("snapshots");
const STEPS = 10;
const SHAPE = [2, 8, 8, 1] as const;

/** Norms with running statistics, dropout, and an optimizer with all that one can keep. */
class Net extends Module {
  readonly first = new Conv2d(1, 4, 3, { pad: 1 });
  readonly norm = new BatchNorm2d(4);
  readonly drop = new Dropout2d(0.3, new RandomStream());
  readonly last = new Conv2d(4, 1, 1);
  forward(x: Tensor): Tensor {
    return this.last.forward(this.drop.forward(relu(this.norm.forward(this.first.forward(x)))));
  }
}

function task() {
  const net = new Net();
  net.initialize(new RandomStreams(5));
  const adam = new Adam(net.parameters(), { rate: 0.02, ema: 0.9, accumulate: 2, clip: 1, amsgrad: true });
  const seen = new Variable([1], [0], { name: "seen", trainable: false });
  const compiled = (device: Device) =>
    device.compile(
      ({ x, t }) => {
        seen.assign(add(seen.value, 1));
        const loss = mean(square(sub(net.forward(x), t)));
        adam.minimize(loss);
        return { loss, seen: mul(seen.value, 1) };
      },
      { x: SHAPE, t: SHAPE },
      { mode: "train" },
    );
  const feeds = (step: number) => ({ x: noise(128, step + 1), t: noise(128, 100 + (step % 3)) });
  return { net, adam, seen, compiled, feeds };
}

test("training goes on with the same losses on a new device, from the last snapshot", async () => {
  const whole = task();
  using one = await openDevice();
  const uninterrupted = await whole.compiled(one);
  const want: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    uninterrupted.run(whole.feeds(step));
    want.push((await uninterrupted.read()).loss[0]!);
  }

  const { net, adam, seen, compiled, feeds } = task();
  const losses: number[] = [];
  let device = await openDevice();
  let program = await compiled(device);
  let last: { at: number; of: Snapshot } | undefined;
  let lost: unknown;
  for (let step = 0; step < STEPS; step++) {
    if (step % 4 === 1) last = { at: step, of: await snapshot(device, net, adam, seen) };
    try {
      program.run(feeds(step));
      if (step === 7 && !lost) device.gpu.device.destroy();
      losses[step] = (await program.read()).loss[0]!;
    } catch (error) {
      lost = error;
      await refused(() => snapshot(device, net, adam, seen), /lost/, DeviceLostError);
      device.dispose();
      device = await openDevice();
      await refused(() => compiled(device), /./, ValuesLostError);
      last!.of.restore(device);
      program = await compiled(device);
      step = last!.at - 1;
    }
  }
  assert.instance(lost, DeviceLostError);
  assert.is(last!.at, 9);
  assert.equal(losses, want);
  assert.equal([...(await device.read(seen))], [STEPS]);
  assert.is(adam.steps, whole.adam.steps);
  const values = (d: Device, of: Net) => d.readAll([...of.variables().values()]);
  assert.equal(await values(device, net), await values(one, whole.net));
  device.dispose();
});

test("a snapshot goes back on the same device too, as often as wanted", async () => {
  using device = await openDevice();
  const { net, adam, seen, compiled, feeds } = task();
  using program = await compiled(device);
  const losses = async (): Promise<number[]> => {
    const found: number[] = [];
    for (let step = 0; step < 3; step++) {
      program.run(feeds(step));
      found.push((await program.read()).loss[0]!);
    }
    return found;
  };
  await losses();
  const kept = await snapshot(device, net, adam, seen);
  const first = await losses();
  assert.not.equal(await losses(), first);
  for (let again = 0; again < 2; again++) {
    kept.restore(device);
    assert.equal(await losses(), first);
  }
  await refused(() => snapshot(device, {} as Module), /takes networks/, UsageError);
});

test.run();
