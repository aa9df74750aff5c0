// Two whole iterations of CMEDL. The phases of the first are checked one at a time, each given what PyTorch's phase
// before it made; then both iterations in a chain, where Adam's first, sign-like step lets rounding grow.
import { type Device, type Tensor, type TypedArray, total } from "../../engine/index.ts";
import { type NamedForPyTorch, foreignNames, fromStateDict, loadStateDict, permuted } from "../../models/pytorch.ts";
import { UNet } from "../../models/unet.ts";
import type { Adam } from "../../train/adam.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { PAPER_WEIGHTS } from "../../train/config/config.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import type { Batch } from "../../train/regime.ts";
import { type Comparison, type GoldenFile, type Stored, under } from "./comparison.ts";
import {
  checkGradients,
  discriminatorOptions,
  generatorOptions,
  isZeroGradient,
  unetOptions,
  vggNames,
  vggOptions,
} from "./networks.ts";
import { type Values, runOn, toNhwc } from "./stored.ts";

interface Notes {
  lambda?: Record<string, number>;
  cx_band_width?: number;
  lr?: { G: number; D: number; S: number };
  adam?: { betas: [number, number]; eps: number };
  losses: Record<string, number>[];
}

/** Stored names of the losses. */
const LOSS_NAMES: Readonly<Record<string, string>> = {
  adv_m: "advM",
  adv_c: "advC",
  cyc_c: "cycC",
  cyc_m: "cycM",
  cx: "cx",
  hint_g: "hintG",
  seg_pm_g: "segPMG",
  loss_G: "lossG",
  loss_D_M: "lossDM",
  loss_D_C: "lossDC",
  dice_ct: "diceCT",
  dice_pm: "dicePM",
  dice_rm: "diceRM",
  hint_s: "hintS",
  loss_S: "lossS",
};

/**
 * Five times what PyTorch's f32 differs from its f64: the median over a network's gradients, each network in its own
 * phase.
 */
const MEDIAN_GRADIENT: Readonly<Record<string, number>> = {
  G_CM: 5 * 8e-4,
  G_MC: 5 * 7e-6,
  D_M: 5 * 2e-6,
  D_C: 5 * 2e-6,
  S_CT: 5 * 6e-6,
  S_MR: 5 * 6e-6,
};
/** A single gradient may be this many medians off. */
const SINGLE = 10;
const LOSS = [5 * 6e-6, 5 * 5e-4];
const OUTPUT = 5 * 1e-5;
/** Share of a network's elements that Adam may move elsewhere: where the gradient is within its rounding of 0. */
const ELSEWHERE = 1e-3;
const ELSEWHERE_G_CM = 4e-3;
/**
 * In the chain, what follows the first update of G_CM differs as far as that did, and the teacher's gradients by 5e-2
 * in PyTorch's own f32. Of outputs: that update, one rate in every element, moves pM by 3.0e-2; a share
 * ELSEWHERE_G_CM of elements going elsewhere, by two rates and of either sign, moves it by 2·√4e-3·3.0e-2 = 4e-3
 * more.
 */
const CHAINED = { output: 5e-3, statistics: 2e-2, elsewhere: 0.15 };

type Program = (
  batch: Batch,
  given: Record<string, Tensor>,
) => { minimized: Tensor; losses: Record<string, Tensor>; outputs: Record<string, Tensor> };

export async function checkCmedlStep(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const notes = file.notes as Notes | undefined;
  if (!notes?.losses) throw new Error(`${file.name}.json, which holds the losses, is missing`);
  await checkPhases(file, notes, device, c);
  await checkChain(file, notes, device, c);
}

const NETWORKS = ["G_CM", "G_MC", "D_M", "D_C", "S_CT", "S_MR"] as const;
type NetworkName = (typeof NETWORKS)[number];

/** All networks at the stored weights, with the names that the file has for them. */
function build(
  file: GoldenFile,
  notes: Notes,
): { cmedl: Cmedl<CycleTranslator>; networks: Record<NetworkName, NamedForPyTorch> } {
  const init = (name: string): Map<string, Stored> => under(file.tensors, `init/${name}/`);
  const features = vggNames(init("VGG"));
  const [, , H, W] = file.tensors.get("in0/x_ct")!.shape;
  const weights = { ...PAPER_WEIGHTS, ...notes.lambda };
  const translator = new CycleTranslator({
    image: [H!, W!],
    poolSize: 0,
    weights,
    contextual: { bandWidth: notes.cx_band_width ?? 0.5 },
    rates: notes.lr,
    adam: notes.adam,
    generator: generatorOptions(init("G_CM")),
    discriminator: discriminatorOptions(init("D_M")),
    features: vggOptions(features),
  });
  const cmedl = new Cmedl({
    translator,
    segmentor: () => new UNet(unetOptions(init("S_CT"))),
    weights,
    rate: notes.lr?.S,
    adam: notes.adam,
  });
  const { GCM, GMC, DM, DC } = translator;
  const networks = { G_CM: GCM, G_MC: GMC, D_M: DM, D_C: DC, S_CT: cmedl.SC as UNet, S_MR: cmedl.SM as UNet };
  for (const name of NETWORKS) loadParameters(networks[name], init(name));
  loadStateDict(translator.F!, features);
  return { cmedl, networks };
}

/** The file leaves running statistics at their start. */
function loadParameters(network: NamedForPyTorch, dict: ReadonlyMap<string, Stored>): void {
  for (const [variable, data] of fromStateDict(network, dict, (name) => name.includes(".running_")))
    variable.setInitial(data);
}

const batchOf = (file: GoldenFile, iteration: number): Record<keyof Batch, Values> => ({
  xC: toNhwc(file.tensors.get(`in${iteration}/x_ct`)!),
  yC: toNhwc(file.tensors.get(`in${iteration}/y_ct`)!),
  xM: toNhwc(file.tensors.get(`in${iteration}/x_mr`)!),
  yM: toNhwc(file.tensors.get(`in${iteration}/y_mr`)!),
});

/** Each phase of the first iteration, updates included, with the fakes that PyTorch's phase before it made. */
async function checkPhases(file: GoldenFile, notes: Notes, device: Device, c: Comparison): Promise<void> {
  const { cmedl, networks } = build(file, notes);
  const { translator } = cmedl;
  const phases: readonly (readonly [
    phase: string,
    optimizer: Adam,
    names: readonly NetworkName[],
    given: readonly string[],
    program: Program,
  ])[] = [
    [
      "G",
      translator.optimize.G,
      ["G_CM", "G_MC"],
      [],
      (batch) => {
        const { total, losses, pM, pC, rC, rM } = translator.translation(batch, (fake) => cmedl.tie(batch, fake));
        return { minimized: total, losses, outputs: { fm: pM, fc: pC, rc: rC(), rm: rM() } };
      },
    ],
    [
      "D",
      translator.optimize.D,
      ["D_M", "D_C"],
      ["fm", "fc"],
      (batch, { fm, fc }) => {
        const losses = translator.discrimination(batch, fm!, fc!);
        return { minimized: total(losses.lossDM, losses.lossDC), losses, outputs: {} };
      },
    ],
    [
      "S",
      cmedl.optimize.S,
      ["S_CT", "S_MR"],
      ["fm2"],
      (batch, { fm2 }) => {
        const { total, losses, student, pseudo, real } = cmedl.distillation(batch, fm2!);
        return {
          minimized: total,
          losses,
          outputs: { logit_ct: student.logits, logit_pm: pseudo().logits, logit_rm: real().logits },
        };
      },
    ],
  ];
  for (const [phase, optimizer, names, given, program] of phases) {
    await c.attempt(`phase ${phase}`, async () => {
      const values = {
        ...batchOf(file, 0),
        ...Object.fromEntries(given.map((k) => [k, toNhwc(file.tensors.get(`out0/${k}`)!)])),
      };
      const of = names.flatMap((net) =>
        foreignNames(networks[net])
          .filter(({ variable }) => variable.trainable)
          .map((f) => ({ ...f, key: `${net}/${f.name}` })),
      );
      const got: Record<string, TypedArray> = await runOn(
        device,
        values,
        (t) => {
          const { minimized, losses, outputs } = program(t, t);
          const gradients = optimizer.gradients(minimized);
          optimizer.update(gradients);
          return {
            ...losses,
            ...outputs,
            ...Object.fromEntries(
              of.map(({ key, variable }) => [key, gradients[optimizer.parameters.indexOf(variable)]!]),
            ),
          };
        },
        "train",
      );
      checkLosses(c, `phase ${phase}: `, got, notes.losses[0]!, LOSS[0]!);
      for (const [k, x] of under(file.tensors, "out0/"))
        if (got[k]) c.check(`phase ${phase}: out0/${k}`, got[k], toNhwc(x).data, OUTPUT);
      for (const net of names) {
        const wanted = under(file.tensors, `grad0/${net}/`);
        const prefix = `grad0/${net}/`;
        const median = MEDIAN_GRADIENT[net];
        checkGradients(c, networks[net], prefix, (name) => got[`${net}/${name}`]!, wanted, SINGLE * median!);
        const errors = [...wanted.keys()]
          .filter((name) => !isZeroGradient(name, wanted))
          .map((name) => c.errors.get(prefix + name)!)
          .sort((a, b) => a - b);
        c.checkAtMost(`median of ${prefix}*`, errors[errors.length >> 1]!, median!);
        await checkMovement(
          c,
          device,
          networks[net],
          `after1/${net}`,
          file,
          net,
          optimizer.rate,
          net === "G_CM" ? ELSEWHERE_G_CM : ELSEWHERE,
        );
      }
    });
  }
  await checkStatistics(c, device, networks, file, 1);
}

/** Both iterations as `step` chains them. */
async function checkChain(file: GoldenFile, notes: Notes, device: Device, c: Comparison): Promise<void> {
  const { cmedl, networks } = build(file, notes);
  const first = batchOf(file, 0);
  const { translator } = cmedl;
  const last = { GCM: lastOutput(translator.GCM), SC: lastOutput(cmedl.SC) };
  using program = await device.compile(
    (t: Batch): Record<string, Tensor> => {
      const fm = translator.GCM.forward(t.xC);
      const losses = cmedl.step(t);
      return { ...losses, fm, fm2: last.GCM()!, logit_ct: last.SC()!.logits };
    },
    { xC: first.xC.shape, yC: first.yC.shape, xM: first.xM.shape, yM: first.yM.shape },
    { mode: "train", name: "cmedl-step" },
  );
  for (const [i, wanted] of notes.losses.entries()) {
    const batch = batchOf(file, i);
    program.run({ xC: batch.xC.data, yC: batch.yC.data, xM: batch.xM.data, yM: batch.yM.data });
    const got = await program.read();
    checkLosses(c, `chain, iteration ${i}: `, got, wanted, LOSS[i]!);
    for (const k of ["fm", "fm2", "logit_ct"]) {
      const want = file.tensors.get(`out${i}/${k}`);
      if (want) c.check(`chain: out${i}/${k}`, got[k]!, toNhwc(want).data, CHAINED.output);
    }
    for (const net of NETWORKS) {
      const rate = (
        net.startsWith("G") ? translator.optimize.G : net.startsWith("D") ? translator.optimize.D : cmedl.optimize.S
      ).rate;
      await checkMovement(
        c,
        device,
        networks[net],
        `after${i + 1}/${net}`,
        file,
        net,
        rate,
        CHAINED.elsewhere,
        "chain: ",
      );
    }
    await checkStatistics(c, device, networks, file, i + 1, "chain: ");
  }
}

/** What a network's latest forward pass gave. */
function lastOutput<T>(network: { forward(x: Tensor): T }): () => T | undefined {
  const forward = network.forward.bind(network);
  let last: T | undefined;
  network.forward = (x) => (last = forward(x));
  return () => last;
}

function checkLosses(
  c: Comparison,
  prefix: string,
  got: Record<string, TypedArray>,
  wanted: Record<string, number>,
  tolerance: number,
): void {
  for (const [stored, name] of Object.entries(LOSS_NAMES)) {
    if (got[name] && wanted[stored] !== undefined) c.check(`${prefix}${name}`, got[name], [wanted[stored]], tolerance);
  }
}

/**
 * Adam's steps from the stored weights. Its first has the size of the rate in each element, whatever the gradient's
 * size: where the gradient is near 0 its sign is chance. So the share of elements that went elsewhere is checked, and
 * that none went farther than both ways. Biases whose true gradient is 0 are left out.
 */
async function checkMovement(
  c: Comparison,
  device: Device,
  network: NamedForPyTorch,
  key: string,
  file: GoldenFile,
  net: string,
  rate: number,
  share: number,
  prefix = "",
): Promise<void> {
  const gradients = under(file.tensors, `grad0/${net}/`);
  const after = under(file.tensors, `${key}/`);
  const steps = Number(/after(\d)/.exec(key)![1]);
  let elements = 0;
  let elsewhere = 0;
  let farthest = 0;
  for (const { name, variable, shape, axes } of foreignNames(network)) {
    const want = after.get(name);
    if (!want || isZeroGradient(name, gradients)) continue;
    const got = await device.read(variable);
    const ours = permuted(want.data, shape, axes);
    for (let i = 0; i < ours.length; i++) {
      const d = Math.abs(got[i]! - ours[i]!) / rate;
      if (!(d <= farthest)) farthest = Number.isNaN(d) ? Infinity : d;
      if (!(d <= 0.5 * steps)) elsewhere++;
    }
    elements += ours.length;
  }
  if (elements === 0) throw new Error(`${key} holds nothing to compare`);
  c.checkAtMost(`${prefix}${key}: share of ${elements} elements that moved elsewhere`, elsewhere / elements, share);
  c.checkAtMost(`${prefix}${key}: farthest element, in rates`, farthest, 2.1 * steps);
}

async function checkStatistics(
  c: Comparison,
  device: Device,
  networks: Record<NetworkName, NamedForPyTorch>,
  file: GoldenFile,
  iteration: number,
  prefix = "",
): Promise<void> {
  for (const net of ["S_CT", "S_MR"] as const) {
    const wanted = under(file.tensors, `bn_after${iteration}/${net}/`);
    for (const { name, variable } of foreignNames(networks[net])) {
      const want = wanted.get(name);
      if (want)
        c.check(
          `${prefix}bn_after${iteration}/${net}/${name}`,
          await device.read(variable),
          want.data,
          prefix ? CHAINED.statistics : OUTPUT,
        );
    }
  }
}
