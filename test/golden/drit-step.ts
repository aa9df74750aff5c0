// One iteration of DRIT at the stored weights: the gradients of its discriminators, of encoders and generator, and of the
// random-style losses, none stepped in between. The file's noise stands for what the content encoder would draw.
import { type Device, type Tensor, add, concat, exp, grad, mul, slice, total, weightedSum } from "../../engine/index.ts";
import { l1 } from "../../losses/cycle.ts";
import { latentRegression, multiScaleAdversarial, multiScaleDiscrimination, variational } from "../../losses/drit.ts";
import { codeSize, klToNormal, modeSeeking } from "../../losses/latent.ts";
import { MultiScaleDiscriminator } from "../../models/drit-discriminators.ts";
import { ContentEncoder, type Domain, type StyleDistribution, StyleEncoder, StyleGenerator } from "../../models/drit.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict } from "../../models/pytorch.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { count, eachGradient, isZeroGradient, sizes } from "./networks.ts";
import { checkRounded } from "./rounding.ts";
import { toNhwc } from "./stored.ts";

const OUTPUT = 1e-5, LOSS = 1e-5;
/** Of each gradient, and of the median over a network's whatever rounding does; single ones below an undecided ReLU may differ by what rounding moves them. */
const GRADIENT = 6e-5;

const NAMES = ["enc_c", "enc_a", "gen", "disA", "disB", "disA2", "disB2"] as const;
type Networks = ReturnType<typeof build>;

function build(file: GoldenFile) {
  const of = (name: string) => under(file.tensors, `param/${name}/`);
  const [width, inputs] = sizes(of("enc_c"), "convA.0.model.1.weight");
  const styles = sizes(of("enc_a"), "fc_A.0.weight")[0];
  const blocks = (name: string, pattern: RegExp): number => count(of(name), pattern);
  const critic = (name: string): MultiScaleDiscriminator => new MultiScaleDiscriminator({
    inputs, width: sizes(of(name), "Diss.0.0.model.1.weight")[0],
    layers: blocks(name, /^Diss\.0\.\d+\.model\.1\.weight$/), scales: blocks(name, /^Diss\.\d+\.0\.model\.1\.weight$/),
  });
  const networks = {
    enc_c: new ContentEncoder({ inputs, width, blocks: blocks("enc_c", /^convA\.\d+\.model\.5\.weight$/), sharedBlocks: blocks("enc_c", /^conv_share\.\d+\.model\.1\.weight$/) }),
    enc_a: new StyleEncoder({ inputs, width, styles }),
    gen: new StyleGenerator({ outputs: inputs, width, styles, blocks: 1 + blocks("gen", /^decA1\.\d+\.model\.1\.weight$/) }),
    disA: critic("disA"), disB: critic("disB"), disA2: critic("disA2"), disB2: critic("disB2"),
  };
  for (const name of NAMES) loadStateDict(networks[name], of(name));
  return networks;
}

/** Row `from` of a batch, or rows up to `to`. */
const rows = (x: Tensor, from: number, to = from + 1): Tensor => slice(x, [[from, to], ...x.shape.slice(1).map(() => null)]);
const sampled = ({ mu, logVariance }: StyleDistribution, ε: Tensor): Tensor => add(mu, mul(ε, exp(mul(0.5, logVariance))));

function iteration({ enc_c: Ec, enc_a: Es, gen: G, disA, disB, disA2, disB2 }: Networks, t: Record<string, Tensor>) {
  const xA = rows(t.A, 0), xB = rows(t.B, 0);
  const cA = Ec.forward(xA, "a", t.noise0), cB = Ec.forward(xB, "b", t.noise1);
  const sA = Es.forward(xA, "a"), sB = Es.forward(xB, "b");
  const zA = sampled(sA, t.eps_a), zB = sampled(sB, t.eps_b);
  const translate = (into: Domain, own: Tensor, other: Tensor, z: Tensor): Tensor =>
    G.forward(concat([other, own, other, other], 0), concat([z, z, t.z_random, t.z_random2], 0), into);
  const fakeA = translate("a", cA, cB, zA), fakeB = translate("b", cB, cA, zB);
  // There and back: contents of the fakes, styles of the fakes.
  const encodedA = rows(fakeA, 0), encodedB = rows(fakeB, 0);
  const cB2 = Ec.forward(encodedA, "a", t.noise2), cA2 = Ec.forward(encodedB, "b", t.noise3);
  const reconA = G.forward(cA2, sampled(Es.forward(encodedA, "a"), t.eps_ra), "a");
  const reconB = G.forward(cB2, sampled(Es.forward(encodedB, "b"), t.eps_rb), "b");
  const mu2A = Es.forward(rows(fakeA, 2), "a").mu, mu2B = Es.forward(rows(fakeB, 2), "b").mu;

  const random = (D: MultiScaleDiscriminator, x: Tensor, fake: Tensor): Tensor =>
    total(multiScaleDiscrimination(D, rows(x, 1), rows(fake, 2)), multiScaleDiscrimination(D, rows(x, 1), rows(fake, 3)));
  const D = {
    D_A: multiScaleDiscrimination(disA, xA, encodedA), D_B: multiScaleDiscrimination(disB, xB, encodedB),
    D_A2: random(disA2, t.A, fakeA), D_B2: random(disB2, t.B, fakeB),
  };
  const EG = {
    adv_A: multiScaleAdversarial(disA, encodedA), adv_B: multiScaleAdversarial(disB, encodedB),
    kl_za: mul(0.01, total(klToNormal(sA.mu, sA.logVariance), klToNormal(sB.mu, sB.logVariance))),
    l2_zc: mul(0.01, total(codeSize(cA), codeSize(cB))),
    cc: mul(10, total(l1(reconA, xA), l1(reconB, xB))),
    self: mul(10, total(l1(rows(fakeA, 1), xA), l1(rows(fakeB, 1), xB))),
  };
  const both = (D2: MultiScaleDiscriminator, fake: Tensor): Tensor => total(multiScaleAdversarial(D2, rows(fake, 2)), multiScaleAdversarial(D2, rows(fake, 3)));
  const seeking = (fake: Tensor): Tensor => modeSeeking(rows(fake, 3), rows(fake, 2), t.z_random2, t.z_random);
  const alone = {
    adv_A2: both(disA2, fakeA), adv_B2: both(disB2, fakeB),
    lr: mul(10, total(latentRegression(mu2A, t.z_random), latentRegression(mu2B, t.z_random))),
    ms: total(seeking(fakeA), seeking(fakeB)),
  };
  // The same sum as the losses module states it.
  const EG_without_content_adv = total(EG.adv_A, EG.adv_B, variational(sA, reconA, xA), variational(sB, reconB, xB), EG.l2_zc, EG.self);
  return {
    D, G_alone: weightedSum(Object.values(alone).map((l) => [1, l])), EG_without_content_adv, losses: { ...D, ...EG, ...alone },
    outputs: {
      content_a: cA, content_b: cB, mu_a: sA.mu, logvar_a: sA.logVariance, mu_b: sB.mu, logvar_b: sB.logVariance,
      fakeA, fakeB, reconA, reconB, mu2_a: mu2A, mu2_b: mu2B,
      ...Object.fromEntries(disA.forward(xA).map((d, i) => [`disA_scale${i}`, d])),
    },
  };
}

export async function checkDritStep(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const notes = file.notes as Record<string, number> | undefined;
  if (!notes) throw new Error("the JSON with the losses is missing");
  const networks = build(file);
  const inputs = Object.fromEntries([...under(file.tensors, "in/")].map(([k, x]) => [k, toNhwc(x)]));
  const groups = ["gradD", "gradEG", "gradGalone"].flatMap((group) => NAMES.map((net) => ({ group, net, key: `${group}/${net}/`, wanted: under(file.tensors, `${group}/${net}/`) })))
    .filter(({ wanted }) => wanted.size > 0);
  const trained = (net: (typeof NAMES)[number]) => foreignNames(networks[net] as NamedForPyTorch);
  using program = await device.compile((t: Record<string, Tensor>) => {
    const { D, EG_without_content_adv, G_alone, losses, outputs } = iteration(networks, t);
    const loss: Record<string, Tensor> = { gradD: total(...Object.values(D)), gradEG: EG_without_content_adv, gradGalone: G_alone };
    const gradients = groups.flatMap(({ group, net, key }) => {
      const names = trained(net);
      return grad(loss[group], names.map(({ variable }) => variable.value)).map((g, i) => [key + names[i].name, g] as const);
    });
    return { ...losses, EG_without_content_adv, G_alone, ...outputs, ...Object.fromEntries(gradients) } as Record<string, Tensor>;
  }, Object.fromEntries(Object.entries(inputs).map(([k, { shape }]) => [k, shape])), { mode: "train" });
  const feeds = Object.fromEntries(Object.entries(inputs).map(([k, { data }]) => [k, data]));
  const run = async (): Promise<Record<string, ArrayLike<number>>> => (program.run(feeds), await program.read());
  const got = await run();
  for (const [name, want] of Object.entries(notes)) {
    if (got[name]) c.check(`loss ${name}`, got[name], [want], LOSS);
    else c.skip(name);
  }
  for (const [k, x] of under(file.tensors, "out/")) c.check(`out/${k}`, got[k] ?? [], toNhwc(x).data, OUTPUT);
  await checkRounded(c, device, got, (check) => {
    for (const { net, key, wanted } of groups) eachGradient(networks[net], wanted, GRADIENT, (name, ...rest) => check(key + name, ...rest));
  }, NAMES.flatMap((net) => trained(net).map(({ variable }) => variable)), run);
  for (const { key, wanted } of groups) {
    const errors = [...wanted.keys()].filter((name) => !isZeroGradient(name, wanted)).map((name) => c.errors.get(key + name)!).sort((a, b) => a - b);
    c.checkAtMost(`median of ${key}*`, errors[errors.length >> 1], GRADIENT);
  }
}
