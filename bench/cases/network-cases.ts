// Whole networks, and whole steps of the paper's methods.
import { type Feeds, type Module, type Program, RandomStreams, type Tensor, input } from "../../engine/index.ts";
import { Trace, withTrace } from "../../engine/trace.ts";
import { Adam } from "../../train/adam.ts";
import { UNet } from "../../models/index.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import { DritTranslator } from "../../train/translators/drit.ts";
import type { Batch, Losses } from "../../train/regime.ts";
import { type Case, LARGEST_ERROR, type Prepared } from "./case.ts";
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

const at = ({ size, batch, share }: Scale): string =>
  `@${size}×${size} ×${batch}${share === 1 ? "" : ` width ×${share}`}`;
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
  const name = `${network.name} inference ${at(scale)}`;
  const make = () => seeded(network.make(scale.share));
  const forward =
    (module: Module) =>
    ({ image }: { image: Tensor }) => ({ y: network.forward(module, image) });
  return {
    name,
    group: "network",
    quick: network.name === "unet" || network.name === "generator",
    torch: { network: network.name, pass: "inference" },
    bytes: 4 * 2 * pixels(scale) + bytesOf(network.make(scale.share)),
    flops: traced("infer", () => [network.forward(network.make(scale.share), input("image", imageShape(scale)))]),
    estimate: (device, memoryBudget) =>
      device.estimate(forward(make()), { image: imageShape(scale) }, { name, memoryBudget }),
    async prepare(device): Promise<Prepared> {
      const module = make();
      const data = images(scale, 5);
      const of = (batch: number) =>
        device.compile(forward(module), { image: imageShape({ ...scale, batch }) }, { name });
      const program = await of(scale.batch);
      const feeds = { image: data };
      return {
        program,
        feeds,
        async check() {
          program.run(feeds);
          const { y } = await program.read();
          using one = await of(1);
          one.run({ image: data.subarray(0, data.length / scale.batch) });
          const first = (await one.read()).y;
          const off = relativeL2(y.subarray(0, first.length), first);
          const checked = `first image alone: off by ${off.toExponential(1)}`;
          return off <= LARGEST_ERROR ? { checked } : { checked, wrong: checked };
        },
      };
    },
  };
}

/**
 * Of programs whose variables no run has moved: the losses of the first step are those of the forward pass `alone`,
 * and stay finite; `falls` is smaller after some steps on the same batch.
 */
async function checkTraining(
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
    torch: { network: network.name, pass: "training" },
    bytes: 4 * 2 * pixels(scale) + 7 * bytesOf(network.make(scale.share)),
    flops: traced("train", () => [trained(make(), input("x", shape), input("t", shape))]),
    estimate: (device, memoryBudget) => device.estimate(whole(make()), inputs, { mode: "train", name, memoryBudget }),
    async prepare(device) {
      const feeds = { x: images(scale, 5), t: network.name === "generator" ? images(scale, 6) : masks(scale, 6) };
      const program = await device.compile(whole(make()), inputs, { mode: "train", name });
      return {
        program,
        feeds,
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

/** A method's whole step: its regime anew, and the losses that its forward pass gives before anything is updated. */
interface Method {
  readonly name: string;
  make(scale: Scale): Cmedl;
  losses(regime: Cmedl, batch: Batch): Losses;
}

const widthOf = ({ share }: Scale): number => 64 * share;
const segmentorOf = (scale: Scale) => () => new UNet({ width: widthOf(scale) });

const METHODS: readonly Method[] = [
  {
    name: "cmedl",
    make(scale) {
      const width = widthOf(scale);
      const translator = new CycleTranslator({
        image: [scale.size, scale.size],
        seed: 1,
        generator: { width },
        discriminator: { width },
        features: { width },
      });
      return new Cmedl({ seed: 1, segmentor: segmentorOf(scale), translator });
    },
    losses: (regime, batch) =>
      (regime.translator as CycleTranslator).translation(batch, (pM) => regime.tie(batch, pM)).losses,
  },
  {
    // The step that updates all; two of the content discriminator alone come before each.
    name: "vae-cmedl",
    make(scale) {
      const width = widthOf(scale);
      const small = scale.size < 128;
      const translator = new DritTranslator({
        size: scale.size,
        width,
        discriminator: { width, scales: 3, layers: small ? 3 : 4 },
      });
      return new Cmedl({ kind: "vae-cmedl", seed: 1, segmentor: segmentorOf(scale), translator });
    },
    losses(regime, batch) {
      const translator = regime.translator as DritTranslator;
      return translator.discrimination(batch, translator.translation(batch));
    },
  },
];

function step({ name: method, make, losses }: Method, scale: Scale): Case {
  const shape = imageShape(scale);
  const name = `${method} step ${at(scale)}`;
  const inputs = { xC: shape, yC: shape, xM: shape, yM: shape };
  const symbols = () =>
    Object.fromEntries(Object.entries(inputs).map(([k, s]) => [k, input(k, s)])) as unknown as Batch;
  const whole = (regime: Cmedl) => regime.steps.at(-1)!;
  return {
    name,
    group: "step",
    quick: false,
    torch: { network: method, pass: "training" },
    bytes: 4 * 4 * pixels(scale) + 7 * bytesOf(make(scale)),
    flops: traced("train", () => Object.values(whole(make(scale))(symbols()))),
    estimate: (device, memoryBudget) => {
      const f = whole(make(scale));
      return device.estimate((x) => f(x), inputs, { mode: "train", name, memoryBudget });
    },
    async prepare(device) {
      const feeds = { xC: images(scale, 5), yC: masks(scale, 6), xM: images(scale, 7), yM: masks(scale, 8) };
      const compiled = () => {
        const f = whole(make(scale));
        return device.compile((x) => f(x), inputs, { mode: "train", name });
      };
      const program = await compiled();
      return {
        program,
        feeds,
        async check() {
          const twin = make(scale);
          using alone = await device.compile((x) => losses(twin, x), inputs, { mode: "train" });
          using own = await compiled();
          return await checkTraining(own, alone, feeds);
        },
      };
    },
  };
}

export type NetworkPass = "inference" | "training";

/** A network of the registry by itself, once forward or a training step. */
export const networkCase = (network: TimedNetwork, pass: NetworkPass, scale: Scale): Case =>
  pass === "inference" ? inference(network, scale) : training(network, scale);

/** Inference and training of each network, then the methods' steps. */
export const networkCases = (scale: Scale): Case[] => [
  ...TIMED.flatMap((n) => [inference(n, scale), training(n, scale)]),
  ...METHODS.map((m) => step(m, scale)),
];
