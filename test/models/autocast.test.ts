// A U-Net that trains with its activations in half precision.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RandomStreams, autocast } from "../../engine/index.ts";
import { segmentation } from "../../losses/segmentation.ts";
import { UNet } from "../../models/unet.ts";
import { Adam } from "../../train/adam.ts";
import { device } from "../helpers/device.ts";
import { SIZE, discs } from "../helpers/tiny-cmedl.ts";

const test = suite("autocast of a network");

const STEPS = 40;

test("the first ten steps of a U-Net in f16 follow those in f32, and it learns", async () => {
  const d = await device();
  if (!d.gpu.traits.f16) return; // SwiftShader has none
  const { images, masks } = discs(2, 3, 0.8);
  const train = async (dtype: "f16" | "f32") => {
    const net = new UNet({ width: 4, depth: 2 }).initialize(new RandomStreams(1));
    const adam = new Adam(net.parameters(), { rate: 0.01, name: "S" });
    using step = await d.compile(
      ({ x, y }) => {
        const loss = segmentation(
          autocast(dtype, () => net.forward(x).logits),
          y,
        );
        adam.minimize(loss);
        return { loss };
      },
      { x: [2, SIZE, SIZE, 1], y: [2, SIZE, SIZE, 1] },
      { mode: "train" },
    );
    const losses: number[] = [];
    for (let i = 0; i < STEPS; i++) {
      step.run({ x: images, y: Float32Array.from(masks) });
      losses.push((await step.read()).loss[0]!);
    }
    return { losses, bytes: step.stats().activationBytes };
  };
  const half = await train("f16");
  const single = await train("f32");
  assert.ok(
    half.losses[STEPS - 1]! < 0.9 * half.losses[0]!,
    `the loss went from ${half.losses[0]} to ${half.losses[STEPS - 1]}`,
  );
  // The first step differs by rounding alone; Adam's steps of ±rate then carry small gradients of either sign apart,
  // at larger rates so far that an image brighter by 2e-6 moves the losses by percents: at this one ten steps stay
  // within 0.1 %.
  half.losses.slice(0, 10).forEach((l, i) => {
    const error = Math.abs(l / single.losses[i]! - 1);
    assert.ok(error < (i === 0 ? 2e-3 : 5e-3), `step ${i}: ${l} in f16, ${single.losses[i]} in f32`);
  });
  assert.ok(half.bytes < 0.75 * single.bytes, `${half.bytes} bytes of activations in f16, ${single.bytes} in f32`);
});

test.run();
