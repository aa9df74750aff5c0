// Whole networks, and whole steps of the paper's methods.
import { type Feeds, type Module, type Program, RandomStreams, type Tensor, input } from "../engine/index.ts";
import { Trace, withTrace } from "../engine/trace.ts";
import { Adam } from "../train/adam.ts";
import { Cmedl, type CmedlOptions } from "../train/cmedl.ts";
import { type Case, LARGEST_ERROR, type Prepared } from "./case.ts";
import { flopsOf } from "./layers.ts";
import { TIMED, type TimedNetwork } from "./networks.ts";
import { relativeL2, uniform } from "./statistics.ts";

export interface Scale {
  /** Height and width of the images. */
  readonly size: number;
  readonly batch: number;
  /** Share of the networks' channels: 1, or ¼. */
  readonly share: number;
}

const at = ({ size, batch, share }: Scale): string => `@${size}×${size} ×${batch}${share === 1 ? "" : ` width ×${share}`}`;
const imageShape = ({ size, batch }: Scale): number[] => [batch, size, size, 1];
const pixels = ({ size, batch }: Scale): number => batch * size * size;
const images = (scale: Scale, seed: number): Float32Array => uniform(pixels(scale), seed);
const masks = (scale: Scale, seed: number): Float32Array => images(scale, seed).map((v) => Number(v > 0.4));
const seeded = <M extends Module>(module: M): M => module.initialize(new RandomStreams(1));

/** What `f` computes and assigns, traced for counting. */
function traced(mode: "train" | "infer", f: () => readonly Tensor[]): number {
  const trace = new Trace(mode);
  const outputs = withTrace(trace, f);
  return flopsOf([...outputs, ...[...trace.assigned].map((v) => trace.values.get(v)!)]);
}

const bytesOf = (module: Module): number => [...module.variables().values()].reduce((n, v) => n + 4 * v.size, 0);

function inference(network: TimedNetwork, scale: Scale): Case {
  const name = `${network.name} inference ${at(scale)}`, make = () => seeded(network.make(scale.share));
  return {
    name, group: "network", quick: network.name === "unet" || network.name === "generator", torch: { network: network.name, pass: "inference" }, bytes: 4 * 2 * pixels(scale) + bytesOf(network.make(scale.share)),
    flops: traced("infer", () => [network.forward(network.make(scale.share), input("image", imageShape(scale)))]),
    async prepare(device): Promise<Prepared> {
      const module = make(), data = images(scale, 5);
      const of = (batch: number) => device.compile(({ image }) => ({ y: network.forward(module, image) }), { image: imageShape({ ...scale, batch }) }, { name });
      const program = await of(scale.batch), feeds = { image: data };
      return {
        program, feeds,
        async check() {
          program.run(feeds);
          const { y } = await program.read();
          using one = await of(1);
          one.run({ image: data.subarray(0, data.length / scale.batch) });
          const first = (await one.read()).y;
          const off = relativeL2(y.subarray(0, first.length), first), checked = `first image alone: off by ${off.toExponential(1)}`;
          return off <= LARGEST_ERROR ? { checked } : { checked, wrong: checked };
        },
      };
    },
  };
}

/**
 * Of programs whose variables no run has moved: the losses of the first step are those of the forward pass `alone`, and stay finite;
 * `falls` is smaller after some steps on the same batch.
 */
async function checkTraining(step: Program, alone: Program, feeds: Feeds, falls?: string): ReturnType<Prepared["check"]> {
  alone.run(feeds);
  const want = await alone.read();
  step.run(feeds);
  const got = await step.read();
  const off = Math.max(...Object.keys(want).map((k) => relativeL2(got[k], want[k])));
  let last = got;
  for (let i = 0; i < (falls ? 4 : 1); i++) {
    step.run(feeds);
    last = await step.read();
  }
  const finite = Object.values(last).every((v) => v.every(Number.isFinite));
  const fell = !falls || last[falls][0] < got[falls][0];
  const checked = `losses of the forward pass alone: off by ${off.toExponential(1)}${falls ? `, ${falls} ${got[falls][0].toFixed(4)} → ${last[falls][0].toFixed(4)}` : ""}`;
  return off <= LARGEST_ERROR && finite && fell ? { checked } : { checked, wrong: `${checked}${finite ? "" : ", not finite"}` };
}

function training(network: TimedNetwork, scale: Scale): Case {
  const name = `${network.name} training step ${at(scale)}`, shape = imageShape(scale);
  const make = () => {
    const module = seeded(network.make(scale.share));
    return { module, adam: new Adam(module.parameters(), { rate: 1e-3 }) };
  };
  const step = ({ module, adam }: ReturnType<typeof make>, x: Tensor, t: Tensor): Tensor => {
    const loss = network.loss(network.forward(module, x), t);
    adam.minimize(loss);
    return loss;
  };
  return {
    name, group: "network", quick: network.name === "unet", torch: { network: network.name, pass: "training" }, bytes: 4 * 2 * pixels(scale) + 7 * bytesOf(network.make(scale.share)),
    flops: traced("train", () => [step(make(), input("x", shape), input("t", shape))]),
    async prepare(device) {
      const made = make(), feeds = { x: images(scale, 5), t: network.name === "generator" ? images(scale, 6) : masks(scale, 6) };
      const program = await device.compile(({ x, t }) => ({ loss: step(made, x, t) }), { x: shape, t: shape }, { mode: "train", name });
      return { program, feeds, async check() {
        const twin = make(), own = make();
        using alone = await device.compile(({ x, t }) => ({ loss: network.loss(network.forward(twin.module, x), t) }), { x: shape, t: shape }, { mode: "train" });
        using whole = await device.compile(({ x, t }) => ({ loss: step(own, x, t) }), { x: shape, t: shape }, { mode: "train" });
        return await checkTraining(whole, alone, feeds, "loss");
      } };
    },
  };
}

function cmedlStep(scale: Scale): Case {
  const shape = imageShape(scale), w = 64 * scale.share, name = `cmedl step ${at(scale)}`;
  const options: CmedlOptions = { image: [scale.size, scale.size], seed: 1, segmentor: { width: w }, generator: { width: w }, discriminator: { width: w }, features: { width: w } };
  const inputs = { xC: shape, yC: shape, xM: shape, yM: shape };
  const symbols = () => Object.fromEntries(Object.entries(inputs).map(([k, s]) => [k, input(k, s)])) as Record<keyof typeof inputs, Tensor>;
  return {
    name, group: "step", quick: false, torch: { network: "cmedl", pass: "training" }, bytes: 4 * 4 * pixels(scale) + 7 * bytesOf(new Cmedl(options)),
    flops: traced("train", () => Object.values(new Cmedl(options).step(symbols()))),
    async prepare(device) {
      const cmedl = new Cmedl(options);
      const feeds = { xC: images(scale, 5), yC: masks(scale, 6), xM: images(scale, 7), yM: masks(scale, 8) };
      const program = await device.compile((x) => cmedl.step(x), inputs, { mode: "train", name });
      return { program, feeds, async check() {
        const twin = new Cmedl(options), own = new Cmedl(options);
        using alone = await device.compile((x) => twin.translation(x).losses, inputs, { mode: "train" });
        using whole = await device.compile((x) => own.step(x), inputs, { mode: "train" });
        return await checkTraining(whole, alone, feeds);
      } };
    },
  };
}

/** Inference and training of each network, then the steps. */
export const networkCases = (scale: Scale): Case[] => [...TIMED.flatMap((n) => [inference(n, scale), training(n, scale)]), cmedlStep(scale)];
