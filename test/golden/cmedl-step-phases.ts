// The phases of CMEDL's first iteration, checked one at a time, each given what PyTorch's phase before it made.
import { type Device, type Tensor, type TypedArray, total } from "../../engine/index.ts";
import { foreignNames } from "../../models/pytorch.ts";
import type { Adam } from "../../train/adam.ts";
import type { Batch } from "../../train/regime.ts";
import {
  ELSEWHERE,
  ELSEWHERE_G_CM,
  LOSS,
  OUTPUT,
  checkLosses,
  checkMovement,
  checkStatistics,
} from "./cmedl-step-checks.ts";
import { type NetworkName, type Notes, batchOf, build } from "./cmedl-step-networks.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";
import { checkGradients, isZeroGradient } from "./gradients.ts";
import { runOn, toNhwc } from "./stored.ts";

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

type Program = (
  batch: Batch,
  given: Record<string, Tensor>,
) => { minimized: Tensor; losses: Record<string, Tensor>; outputs: Record<string, Tensor> };

/** Each phase of the first iteration, updates included, with the fakes that PyTorch's phase before it made. */
export async function checkPhases(file: GoldenFile, notes: Notes, device: Device, c: Comparison): Promise<void> {
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
