// Whole training steps of regimes, compiled as a run compiles them: the paper's methods at a scale, and three that
// stand for what is trained without a GPU.
import { UnpairedBatches } from "../../data/batches.ts";
import { type Device, type Module, type Program, UsageError, input } from "../../engine/index.ts";
import { segmentation } from "../../losses/index.ts";
import { convNames } from "../../models/vgg.ts";
import { mergeConfig } from "../../train/config/check.ts";
import { PAPER_CONFIG, type PartialConfig, type TrainConfig } from "../../train/config/config.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { PAYS_DEFAULTS, PAYS_ROWS, paysRecipe } from "../../train/pays.ts";
import type { Batch, Losses, Regime } from "../../train/regime.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { StepPrograms } from "../../train/step-programs.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import { DritTranslator } from "../../train/translators/drit.ts";
import type { Case } from "./case.ts";
import { type Scale, at, bytesOf, checkTraining, imageShape, masks, noise, sizesOf, traced } from "./network-cases.ts";

interface NamedStep {
  readonly name: string;
  readonly config: TrainConfig;
}

/** The paper's configuration but for these fields. */
const paper = (fields: PartialConfig): TrainConfig => mergeConfig({ seed: 1, ...fields }, PAPER_CONFIG);

/** A method of the paper with its widths times the scale's share. */
function method(regime: "cmedl" | "vae-cmedl", scale: Scale): NamedStep {
  const width = 64 * scale.share;
  const drit = { width };
  const networks = { segmentor: drit, generator: drit, discriminator: drit, features: drit, drit };
  const config = paper({ regime, data: { size: scale.size }, networks, optimization: { batch: scale.batch } });
  return { name: `${regime} step ${at(scale)}`, config };
}

const SMALL = { size: 64, batch: 4 };

function smallSteps(): NamedStep[] {
  const sizes = { data: { size: SMALL.size }, optimization: { batch: SMALL.batch } };
  const segmentor = { width: 16 };
  const networks = {
    segmentor,
    generator: { width: 16, blocks: 4 },
    discriminator: { width: 16, layers: 3 },
    features: { taps: ["conv3_3", "conv3_4"] },
  };
  const pmri = PAYS_ROWS.find(({ word }) => word === "pmri")!;
  const demo = presetConfig(pmri.preset, paysRecipe(PAYS_DEFAULTS), pmri.fields);
  return [
    {
      name: `cmedl step, unet 16, generator 16×4, discriminator 16×3, vgg19 64 to conv3_4 ${sizesOf(SMALL)}`,
      config: paper({ regime: "cmedl", networks, ...sizes }),
    },
    {
      name: `ct-only step, unet 16 ${sizesOf(SMALL)}`,
      config: paper({ regime: "ct-only", networks: { segmentor }, ...sizes }),
    },
    {
      name: `demo's cmedl step, unet 8, generator 8×2, discriminator 4×2, vgg19 4 ${sizesOf(imagesOf(demo))}`,
      config: demo,
    },
  ];
}

const imagesOf = ({ data: { size }, optimization: { batch } }: TrainConfig) => ({ size, batch });

/** Results of CMEDL's step that follow the translators' update. */
const OF_SEGMENTORS = /^(dice..|hintS|lossS|norm S)$/;

/** A regime at the weights of its configuration's seed, with every term of its losses at full weight. */
function regimeOf(config: TrainConfig): Regime {
  const regime = makeRegime(config);
  for (const ramp of regime.ramps) ramp.value = 1;
  return regime;
}

/** Losses of a step that the forward pass gives before anything is updated. */
function forwardLosses(regime: Regime, batch: Batch): Losses {
  if (regime instanceof StudentOnly)
    return { diceCT: segmentation(regime.SC.forward(batch.xC).logits, batch.yC, regime.options.loss) };
  if (regime instanceof Cmedl) {
    const { translator } = regime;
    if (translator instanceof CycleTranslator)
      return translator.translation(batch, (pM) => regime.tie(batch, pM)).losses;
    if (translator instanceof DritTranslator) return translator.discrimination(batch, translator.translation(batch));
  }
  throw new UsageError(`the bench has no forward pass of the regime ${regime.kind}`);
}

/** Every network of a regime, the frozen one too, in the order that bench/torch has them. */
function networksOf(regime: Regime): Module[] {
  const { translator } = regime as Partial<Cmedl>;
  const frozen = translator instanceof CycleTranslator && translator.F ? [translator.F] : [];
  return [...Object.values(regime.networks), ...frozen];
}

/** What bench/torch builds the same step from; it knows CMEDL by CycleGAN with a U-Net, and the student alone. */
function torchOf(config: TrainConfig): object | undefined {
  const { segmentor, generator, discriminator, features } = config.networks;
  const { rates, pool } = config.optimization;
  const network = config.regime;
  const shared = { network, pass: "training", ...imagesOf(config), segmentor: segmentor.width ?? 64, rates };
  if (network === "ct-only") return shared;
  if (network !== "cmedl") return undefined;
  const names = convNames(features.layers);
  return {
    ...shared,
    generator: [generator.width, generator.blocks],
    discriminator: [discriminator.width, discriminator.layers],
    features: [features.width, features.taps.map((tap) => names.indexOf(tap))],
    segPC: config.losses.weights.segPC,
    pool,
  };
}

/** The last of a regime's steps, which updates all, as \`cmedl train\` compiles it without augmentation. */
async function compiledStep(device: Device, regime: Regime, config: TrainConfig): Promise<Program> {
  const { size, batch } = imagesOf(config);
  const slices = { size, count: batch, origins: [], copyImage() {}, copyMask() {} };
  const batches = new UnpairedBatches(slices, slices, { batch, seed: 0, steps: 1 });
  return (await StepPrograms.compile(device, regime, batches, { epochs: 1 })).last;
}

function stepCase({ name, config }: NamedStep): Case {
  const images = imagesOf(config);
  const shape = imageShape(images);
  const inputs = { xC: shape, yC: shape, xM: shape, yM: shape };
  const symbols = () =>
    Object.fromEntries(Object.entries(inputs).map(([k, s]) => [k, input(k, s)])) as unknown as Batch;
  const isTaught = config.regime !== "ct-only";
  const whole = () => regimeOf(config).steps.at(-1)!;
  return {
    name,
    group: "step",
    quick: false,
    torch: torchOf(config),
    bytes: 4 * Object.keys(inputs).length * images.batch * images.size ** 2 + 7 * bytesOf(regimeOf(config)),
    flops: traced("train", () => Object.values(whole()(symbols()))),
    estimate: (device, memoryBudget) => {
      const f = whole();
      return device.estimate((x) => f(x), inputs, { mode: "train", name, memoryBudget });
    },
    async prepare(device) {
      const feeds = { xC: noise(images, 5), yC: masks(images, 6), xM: noise(images, 7), yM: masks(images, 8) };
      const program = await compiledStep(device, regimeOf(config), config);
      return {
        program,
        feeds,
        start: () => ({
          modules: networksOf(regimeOf(config)),
          inputs,
          ...(isTaught ? { updated: OF_SEGMENTORS } : {}),
        }),
        async check() {
          const twin = regimeOf(config);
          using alone = await device.compile((x) => forwardLosses(twin, x), inputs, { mode: "train" });
          using own = await compiledStep(device, regimeOf(config), config);
          return await checkTraining(own, alone, feeds);
        },
      };
    },
  };
}

/** Steps of the paper's methods at this scale, then the small ones. */
export const stepCases = (scale: Scale): Case[] =>
  [method("cmedl", scale), method("vae-cmedl", scale), ...smallSteps()].map(stepCase);
