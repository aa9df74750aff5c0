// What the golden file of CMEDL's step holds: the networks at their stored weights, the batches and the notes.
import { type NamedForPyTorch, fromStateDict, loadStateDict } from "../../models/pytorch.ts";
import { UNet } from "../../models/unet.ts";
import { PAPER_WEIGHTS } from "../../train/config/config.ts";
import type { Batch } from "../../train/regime.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import { type GoldenFile, type Stored, under } from "./comparison.ts";
import { discriminatorOptions, generatorOptions, unetOptions, vggNames, vggOptions } from "./network-options.ts";
import { type Values, toNhwc } from "./stored.ts";

export interface Notes {
  lambda?: Record<string, number>;
  cx_band_width?: number;
  lr?: { G: number; D: number; S: number };
  adam?: { betas: [number, number]; eps: number };
  losses: Record<string, number>[];
}

export const NETWORKS = ["G_CM", "G_MC", "D_M", "D_C", "S_CT", "S_MR"] as const;
export type NetworkName = (typeof NETWORKS)[number];

/** All networks at the stored weights, with the names that the file has for them. */
export function build(
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

export const batchOf = (file: GoldenFile, iteration: number): Record<keyof Batch, Values> => ({
  xC: toNhwc(file.tensors.get(`in${iteration}/x_ct`)!),
  yC: toNhwc(file.tensors.get(`in${iteration}/y_ct`)!),
  xM: toNhwc(file.tensors.get(`in${iteration}/x_mr`)!),
  yM: toNhwc(file.tensors.get(`in${iteration}/y_mr`)!),
});
