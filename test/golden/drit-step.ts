// One iteration of DRIT at the stored weights: the gradients of its discriminators, of encoders and generator, and of
// the random-style losses, none stepped in between. The file's noise stands for what the content encoder would draw.
import { type Device, type Tensor, concat, grad, mul, slice, total } from "../../engine/index.ts";
import { l1Loss } from "../../losses/elementwise.ts";
import { multiScaleAdversarial, multiScaleDiscrimination } from "../../losses/drit.ts";
import { codeSize, klToNormal, modeSeeking } from "../../losses/latent.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict } from "../../models/pytorch.ts";
import { DritTranslator } from "../../train/translators/drit.ts";
import { weigh } from "../../train/terms.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { eachGradient, isZeroGradient } from "./gradients.ts";
import { count, sizes } from "./network-options.ts";
import { checkRounded } from "./rounding.ts";
import { toNhwc } from "./stored.ts";

const OUTPUT = 1e-5;
const LOSS = 1e-5;
/**
 * Of each gradient, and of the median over a network's whatever rounding does; single ones below an undecided ReLU
 * may differ by what rounding moves them.
 */
const GRADIENT = 6e-5;

const NAMES = ["enc_c", "enc_a", "gen", "disA", "disB", "disA2", "disB2"] as const;
/** The translator at the stored weights, and its networks under the file's names. */
function build(file: GoldenFile): { drit: DritTranslator; networks: Record<(typeof NAMES)[number], NamedForPyTorch> } {
  const of = (name: string) => under(file.tensors, `param/${name}/`);
  const blocks = (name: string, pattern: RegExp): number => count(of(name), pattern);
  const [width] = sizes(of("enc_c"), "convA.0.model.1.weight");
  const drit = new DritTranslator({
    size: file.tensors.get("in/A")!.shape[3]!,
    width,
    styles: sizes(of("enc_a"), "fc_A.0.weight")[0],
    blocks: 1 + blocks("gen", /^decA1\.\d+\.model\.1\.weight$/),
    discriminator: {
      width: sizes(of("disA"), "Diss.0.0.model.1.weight")[0],
      layers: blocks("disA", /^Diss\.0\.\d+\.model\.1\.weight$/),
      scales: blocks("disA", /^Diss\.\d+\.0\.model\.1\.weight$/),
    },
    // The content discriminator needs larger codes, and L1 of codes is the paper's alone.
    weights: { c: 0, cc: 0 },
  });
  const { Ec, Es, G, DC, DM, DCz, DMz } = drit;
  const networks = { enc_c: Ec, enc_a: Es, gen: G, disA: DC, disB: DM, disA2: DCz, disB2: DMz };
  for (const name of NAMES) loadStateDict(networks[name], of(name));
  return { drit, networks };
}

/** Row `from` of a batch, or rows up to `to`. */
const rows = (x: Tensor, from: number, to = from + 1): Tensor =>
  slice(x, [[from, to], ...x.shape.slice(1).map(() => null)]);

/**
 * The translator's own iteration, with what the published code has beside the paper: random styles twice for mode
 * seeking, a second real image for the discriminators of random styles, the size of codes, and no terms of the
 * content discriminator.
 */
function iteration(drit: DritTranslator, t: Record<string, Tensor>) {
  const { DCz, DMz, Es, G } = drit;
  const images = { xC: rows(t.A!, 0), xM: rows(t.B!, 0) };
  const made = drit.translation(images, {
    sC: t.eps_a!,
    sM: t.eps_b!,
    rC: t.eps_ra!,
    rM: t.eps_rb!,
    z: t.z_random!,
    noise: { cC: t.noise0!, cM: t.noise1!, pC: t.noise2!, pM: t.noise3! },
  });
  const second = { C: G.forward(made.cM, t.z_random2!, "a"), M: G.forward(made.cC, t.z_random2!, "b") };
  const { lossDC, lossDM } = drit.discrimination(images, made);
  const D = {
    D_A: lossDC,
    D_B: lossDM,
    D_A2: total(
      multiScaleDiscrimination(DCz, rows(t.A!, 1), made.randomC),
      multiScaleDiscrimination(DCz, rows(t.A!, 1), second.C),
    ),
    D_B2: total(
      multiScaleDiscrimination(DMz, rows(t.B!, 1), made.randomM),
      multiScaleDiscrimination(DMz, rows(t.B!, 1), second.M),
    ),
  };
  const { total: encodedTotal, losses: encoded } = weigh("EG", {
    ...drit.encodedTerms(images, made),
    l2: [0.01, () => total(codeSize(made.cC), codeSize(made.cM))],
  });
  const { total: randomTotal, losses: random } = weigh("Z", {
    ...drit.randomTerms(made),
    more: [1, () => total(multiScaleAdversarial(DCz, second.C), multiScaleAdversarial(DMz, second.M))],
    ms: [
      1,
      () =>
        total(
          modeSeeking(second.C, made.randomC, t.z_random2!, t.z_random!),
          modeSeeking(second.M, made.randomM, t.z_random2!, t.z_random!),
        ),
    ],
  });
  const losses = {
    ...D,
    adv_A: encoded.advC,
    adv_B: encoded.advM,
    l2_zc: mul(0.01, encoded.l2!),
    self: mul(10, encoded.self!),
    kl_za: mul(0.01, total(klToNormal(made.sC.mu, made.sC.logVariance), klToNormal(made.sM.mu, made.sM.logVariance))),
    cc: mul(10, total(l1Loss(made.rC, images.xC), l1Loss(made.rM, images.xM))),
    adv_A2: total(random.advCz!, multiScaleAdversarial(DCz, second.C)),
    adv_B2: total(random.advMz!, multiScaleAdversarial(DMz, second.M)),
    lr: mul(10, random.lr!),
    ms: random.ms,
  };
  return {
    D,
    EG_without_content_adv: encodedTotal,
    G_alone: randomTotal,
    losses,
    outputs: {
      content_a: made.cC,
      content_b: made.cM,
      mu_a: made.sC.mu,
      logvar_a: made.sC.logVariance,
      mu_b: made.sM.mu,
      logvar_b: made.sM.logVariance,
      fakeA: concat([made.pC, made.selfC, made.randomC, second.C], 0),
      fakeB: concat([made.pM, made.selfM, made.randomM, second.M], 0),
      reconA: made.rC,
      reconB: made.rM,
      mu2_a: Es.forward(made.randomC, "a").mu,
      mu2_b: Es.forward(made.randomM, "b").mu,
      ...Object.fromEntries(drit.DC.forward(images.xC).map((d, i) => [`disA_scale${i}`, d])),
    },
  };
}

export async function checkDritStep(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const notes = file.notes as Record<string, number> | undefined;
  if (!notes) throw new Error("the JSON with the losses is missing");
  const { drit, networks } = build(file);
  const inputs = Object.fromEntries([...under(file.tensors, "in/")].map(([k, x]) => [k, toNhwc(x)]));
  const groups = ["gradD", "gradEG", "gradGalone"]
    .flatMap((group) =>
      NAMES.map((net) => ({ group, net, key: `${group}/${net}/`, wanted: under(file.tensors, `${group}/${net}/`) })),
    )
    .filter(({ wanted }) => wanted.size > 0);
  const trained = (net: (typeof NAMES)[number]) => foreignNames(networks[net]);
  using program = await device.compile(
    (t: Record<string, Tensor>) => {
      const { D, EG_without_content_adv, G_alone, losses, outputs } = iteration(drit, t);
      const loss: Record<string, Tensor> = {
        gradD: total(...Object.values(D)),
        gradEG: EG_without_content_adv,
        gradGalone: G_alone,
      };
      const gradients = groups.flatMap(({ group, net, key }) => {
        const names = trained(net);
        return grad(
          loss[group]!,
          names.map(({ variable }) => variable.value),
        ).map((g, i) => [key + names[i]!.name, g] as const);
      });
      return { ...losses, EG_without_content_adv, G_alone, ...outputs, ...Object.fromEntries(gradients) } as Record<
        string,
        Tensor
      >;
    },
    Object.fromEntries(Object.entries(inputs).map(([k, { shape }]) => [k, shape])),
    { mode: "train" },
  );
  const feeds = Object.fromEntries(Object.entries(inputs).map(([k, { data }]) => [k, data]));
  const run = async (): Promise<Record<string, ArrayLike<number>>> => {
    program.run(feeds);
    return program.read();
  };
  const got = await run();
  for (const [name, want] of Object.entries(notes)) {
    if (got[name]) c.check(`loss ${name}`, got[name], [want], LOSS);
    else c.skip(name);
  }
  for (const [k, x] of under(file.tensors, "out/")) c.check(`out/${k}`, got[k] ?? [], toNhwc(x).data, OUTPUT);
  await checkRounded(
    c,
    device,
    got,
    (check) => {
      for (const { net, key, wanted } of groups)
        eachGradient(networks[net], wanted, GRADIENT, (name, ...rest) => check(key + name, ...rest));
    },
    NAMES.flatMap((net) => trained(net).map(({ variable }) => variable)),
    run,
  );
  for (const { key, wanted } of groups) {
    const errors = [...wanted.keys()]
      .filter((name) => !isZeroGradient(name, wanted))
      .map((name) => c.errors.get(key + name)!)
      .sort((a, b) => a - b);
    c.checkAtMost(`median of ${key}*`, errors[errors.length >> 1]!, GRADIENT);
  }
}
