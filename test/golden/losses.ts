// Every loss with its gradients: <loss>/in/*, /const/*, /loss, /grad/*.
import { type Device, type Tensor, grad, softmax } from "../../engine/index.ts";
import { leastSquares } from "../../losses/adversarial.ts";
import { type ContextualOptions, contextual } from "../../losses/contextual.ts";
import { l1Loss } from "../../losses/elementwise.ts";
import { hint } from "../../losses/hint.ts";
import { binaryCrossEntropy, codeSize, klToNormal, modeSeeking } from "../../losses/latent.ts";
import { crossEntropy, dice, oneHot, segmentation, softDice, squaredDice } from "../../losses/segmentation.ts";
import { type Comparison, type GoldenFile, type Stored, under } from "./comparison.ts";
import { type Values, runOn, toNhwc } from "./stored.ts";

const VALUE = 1e-5;
const GRADIENT = 6e-5;

type Loss = (t: Record<string, Tensor>) => Tensor;

const LOSSES: Readonly<Record<string, Loss>> = {
  dice_lab_binary: ({ p, t }) => dice(p!, t!),
  dice_squared_per_sample: ({ p, t }) => squaredDice(p!, t!),
  softdice_2class: ({ z, t }) => softDice(softmax(z!), oneHot(t!, 2)),
  ce_5class: ({ z, t }) => crossEntropy(z!, t!),
  dice_5class: ({ z, t }) => segmentation(z!, t!),
  hint_mse: ({ a, b }) => hint([a!], [b!]),
  hint_fro2_sum: ({ a, b }) => hint([a!], [b!], "frobenius"),
  l1_mean: ({ a, b }) => l1Loss(a!, b!),
  lsgan_real: ({ d }) => leastSquares(d!, 1),
  lsgan_fake: ({ d }) => leastSquares(d!, 0),
  bce_real: ({ d }) => binaryCrossEntropy(d!, 1),
  bce_fake: ({ d }) => binaryCrossEntropy(d!, 0),
  bce_half: ({ d }) => binaryCrossEntropy(d!, 0.5),
  kl_sum: ({ mu, logvar }) => klToNormal(mu!, logvar!),
  l2reg_mean: ({ a }) => codeSize(a!),
  mode_seeking: ({ img1, img2, z1, z2 }) => modeSeeking(img1!, img2!, z1!, z2!),
};

const VARIANTS: Readonly<Record<string, ContextualOptions>> = {
  cos: {},
  half: { distance: "half-cosine", logEps: 0 },
  l2: { distance: "squared-l2", logEps: 0 },
  maxswapped: { best: "target" },
};

function lossOf(name: string): Loss | undefined {
  const cx = /^cx_(cos|half|l2|maxswapped)_h([\d.]+)/.exec(name);
  return cx ? ({ x, y }) => contextual(x!, y!, { ...VARIANTS[cx[1]!], bandWidth: Number(cx[2]) }) : LOSSES[name];
}

/** Class numbers [N, H, W] get a channel; the rest is as images are. */
const ours = (x: Stored): Values => (x.shape.length === 3 ? { shape: [...x.shape, 1], data: x.data } : toNhwc(x));

export async function checkLosses(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  for (const name of new Set([...file.tensors.keys()].map((k) => k.slice(0, k.indexOf("/"))))) {
    const loss = lossOf(name);
    if (!loss) {
      c.skip(name);
      continue;
    }
    await c.attempt(name, async () => {
      const stored = under(file.tensors, `${name}/`);
      const values = Object.fromEntries(
        [...under(stored, "in/"), ...under(stored, "const/")].map(([k, x]) => [k, ours(x)]),
      );
      const wanted = under(stored, "grad/");
      const got = await runOn(device, values, (t): Record<string, Tensor> => {
        const value = loss(t);
        const gradients = grad(
          value,
          [...wanted.keys()].map((n) => t[n]!),
        );
        return { loss: value, ...Object.fromEntries([...wanted.keys()].map((n, i) => [n, gradients[i]])) };
      });
      c.check(`${name}/loss`, got.loss!, stored.get("loss")!.data, VALUE);
      for (const [k, x] of wanted) c.check(`${name}/grad/${k}`, got[k]!, ours(x).data, GRADIENT);
    });
  }
}
