// Whole networks: inference, and a training step with Adam.
import {
  type Feeds,
  type Module,
  type Program,
  RandomStreams,
  type Tensor,
  input,
  sizeOf,
} from "../../engine/index.ts";
import { Trace, withTrace } from "../../engine/trace.ts";
import { Adam } from "../../train/adam.ts";
import { type Case, LARGEST_ERROR, type Prepared, type Start } from "./case.ts";
import { flopsOf } from "./layers.ts";
import { TIMED, type TimedNetwork } from "./networks.ts";
import { relativeL2, uniform } from "../measure/statistics.ts";

export interface Scale {
  /** Height and width of the images. */
  readonly size: number;
  readonly batch: number;
  /** Share of the networks' channels: 1, or ¼. */
  readonly share: number;
}

/** A square of images of one channel. */
export type Images = Pick<Scale, "size" | "batch">;

export const sizesOf = ({ size, batch }: Images): string => `@${size}×${size} ×${batch}`;
export const at = (scale: Scale): string => `${sizesOf(scale)}${scale.share === 1 ? "" : ` width ×${scale.share}`}`;
export const imageShape = ({ size, batch }: Images): readonly [number, number, number, number] => [
  batch,
  size,
  size,
  1,
];
export const noise = (images: Images, seed: number): Float32Array => uniform(sizeOf(imageShape(images)), seed);
export const masks = (images: Images, seed: number): Float32Array => noise(images, seed).map((v) => Number(v > 0.4));
const seeded = <M extends Module>(module: M): M => module.initialize(new RandomStreams(1));

/** What `f` computes and assigns, traced for counting. */
export function traced(mode: "train" | "infer", f: () => readonly Tensor[]): number {
  const trace = new Trace(mode);
  const outputs = withTrace(trace, f);
  return flopsOf([...outputs, ...[...trace.assigned].map((v) => trace.values.get(v)!)]);
}

export const bytesOf = (module: Module): number => [...module.variables().values()].reduce((n, v) => n + 4 * v.size, 0);

/** Inference of a network on images [N, H, W, C]. */
export interface Inference {
  readonly name: string;
  readonly quick: boolean;
  readonly shape: readonly [N: number, H: number, W: number, C: number];
  readonly torch: object;
  make(): Module;
  forward(network: Module, image: Tensor): Tensor;
}

export function inferenceCase({ name, quick, shape, torch, ...network }: Inference): Case {
  const make = (): Module => seeded(network.make());
  const forward =
    (module: Module) =>
    ({ image }: { image: Tensor }) => ({ y: network.forward(module, image) });
  const [batch, ...one] = shape;
  return {
    name,
    group: "network",
    quick,
    torch,
    bytes: 4 * 2 * sizeOf(shape) + bytesOf(network.make()),
    flops: traced("infer", () => [network.forward(network.make(), input("image", shape))]),
    estimate: (device, memoryBudget) => device.estimate(forward(make()), { image: shape }, { name, memoryBudget }),
    async prepare(device): Promise<Prepared> {
      const module = make();
      const data = uniform(sizeOf(shape), 5);
      const of = (n: number) => device.compile(forward(module), { image: [n, ...one] }, { name });
      const program = await of(batch);
      const feeds = { image: data };
      return {
        program,
        feeds,
        start: () => ({ modules: [make()], inputs: { image: shape } }),
        async check() {
          program.run(feeds);
          const { y } = await program.read();
          using alone = await of(1);
          alone.run({ image: data.subarray(0, data.length / batch) });
          const first = (await alone.read()).y;
          const off = relativeL2(y.subarray(0, first.length), first);
          const checked = `first image alone: off by ${off.toExponential(1)}`;
          return off <= LARGEST_ERROR ? { checked } : { checked, wrong: checked };
        },
      };
    },
  };
}

const inference = (network: TimedNetwork, scale: Scale): Case =>
  inferenceCase({
    name: `${network.name} inference ${at(scale)}`,
    quick: network.name === "unet" || network.name === "generator",
    shape: imageShape(scale),
    torch: { network: network.name, pass: "inference", ...scale },
    make: () => network.make(scale.share),
    forward: network.forward,
  });

/**
 * Of programs whose variables no run has moved: the losses of the first step are those of the forward pass `alone`,
 * and stay finite; `falls` is smaller after some steps on the same batch.
 */
export async function checkTraining(
  step: Program,
  alone: Program,
  feeds: Feeds,
  falls?: string,
): ReturnType<Prepared["check"]> {
  alone.run(feeds);
  const want = await alone.read();
  step.run(feeds);
  const got = await step.read();
  const off = Math.max(...Object.keys(want).map((k) => relativeL2(got[k]!, want[k]!)));
  let last = got;
  for (let i = 0; i < (falls ? 4 : 1); i++) {
    step.run(feeds);
    last = await step.read();
  }
  const finite = Object.values(last).every((v) => v.every(Number.isFinite));
  const first = falls === undefined ? undefined : got[falls]?.[0];
  const later = falls === undefined ? undefined : last[falls]?.[0];
  const isCourse = first !== undefined && later !== undefined;
  const fell = !isCourse || later < first;
  const course = isCourse ? `, ${falls} ${first.toFixed(4)} → ${later.toFixed(4)}` : "";
  const checked = `losses of the forward pass alone: off by ${off.toExponential(1)}${course}`;
  return off <= LARGEST_ERROR && finite && fell
    ? { checked }
    : { checked, wrong: `${checked}${finite ? "" : ", not finite"}` };
}

function training(network: TimedNetwork, scale: Scale): Case {
  const name = `${network.name} training step ${at(scale)}`;
  const shape = imageShape(scale);
  const make = () => {
    const module = seeded(network.make(scale.share));
    return { module, adam: new Adam(module.parameters(), { rate: 1e-3 }) };
  };
  const trained = ({ module, adam }: ReturnType<typeof make>, x: Tensor, t: Tensor): Tensor => {
    const loss = network.loss(network.forward(module, x), t);
    adam.minimize(loss);
    return loss;
  };
  const inputs = { x: shape, t: shape };
  const whole =
    (made: ReturnType<typeof make>) =>
    ({ x, t }: { x: Tensor; t: Tensor }) => ({ loss: trained(made, x, t) });
  return {
    name,
    group: "network",
    quick: network.name === "unet",
    torch: { network: network.name, pass: "training", ...scale },
    bytes: 4 * 2 * sizeOf(imageShape(scale)) + 7 * bytesOf(network.make(scale.share)),
    flops: traced("train", () => [trained(make(), input("x", shape), input("t", shape))]),
    estimate: (device, memoryBudget) => device.estimate(whole(make()), inputs, { mode: "train", name, memoryBudget }),
    async prepare(device) {
      const feeds = { x: noise(scale, 5), t: network.name === "generator" ? noise(scale, 6) : masks(scale, 6) };
      const made = make();
      const program = await device.compile(whole(made), inputs, { mode: "train", name });
      const hasDropout = made.module.randomStreams().size > 0;
      return {
        program,
        feeds,
        ...(hasDropout ? {} : { start: (): Start => ({ modules: [make().module], inputs }) }),
        async check() {
          const twin = make();
          using alone = await device.compile(
            ({ x, t }) => ({ loss: network.loss(network.forward(twin.module, x), t) }),
            inputs,
            { mode: "train" },
          );
          using own = await device.compile(whole(make()), inputs, { mode: "train" });
          return await checkTraining(own, alone, feeds, "loss");
        },
      };
    },
  };
}

export type NetworkPass = "inference" | "training";

/** Inference and training of each network. */
export const networkCases = (scale: Scale): Case[] => TIMED.flatMap((n) => [inference(n, scale), training(n, scale)]);
