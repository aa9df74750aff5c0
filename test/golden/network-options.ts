// Options and names of networks, read from the parameters of a golden file.
import type { PatchDiscriminatorOptions } from "../../models/patch-discriminator.ts";
import type { ResnetGeneratorOptions } from "../../models/resnet-generator.ts";
import type { UNetOptions } from "../../models/unet.ts";
import type { Stored } from "./comparison.ts";

export type Parameters = ReadonlyMap<string, Stored>;
export const sizes = (p: Parameters, name: string): readonly number[] => p.get(name)?.shape ?? fail(name);
const fail = (name: string): never => {
  throw new Error(`the file has no param/${name}`);
};
export const count = (p: Parameters, pattern: RegExp): number => [...p.keys()].filter((k) => pattern.test(k)).length;

export const unetOptions = (p: Parameters): Required<Omit<UNetOptions, "hints" | "prior">> => ({
  width: sizes(p, "inc.conv.conv.0.weight")[0]!,
  inputs: sizes(p, "inc.conv.conv.0.weight")[1]!,
  outputs: sizes(p, "outc.conv.weight")[0]!,
  depth: count(p, /^down\d+\.mpconv\.1\.conv\.0\.weight$/),
});

export function generatorOptions(p: Parameters): Required<ResnetGeneratorOptions> {
  const [width, inputs] = sizes(p, "model.1.weight") as [number, number];
  const blocks = count(p, /^model\.\d+\.conv_block\.1\.weight$/);
  return { width, inputs, blocks, outputs: sizes(p, `model.${17 + blocks}.weight`)[0]! };
}

export function discriminatorOptions(p: Parameters): Required<PatchDiscriminatorOptions> {
  const [width, inputs] = sizes(p, "model.0.weight") as [number, number];
  return { width, inputs, layers: count(p, /^model\.\d+\.weight$/) - 2 };
}

export const vggOptions = (p: Parameters) => ({ width: sizes(p, "features.0.weight")[0] });

/** The golden files number VGG's convolutions, torchvision its layers. */
export function vggNames(p: Parameters): Map<string, Stored> {
  const layers = [0, 2, 5, 7, 10, 12, 14, 16, 19];
  return new Map(
    [...p].map(([k, x]) => [k.replace(/^conv(\d+)\./, (_, n) => `features.${layers[Number(n) - 1]}.`), x]),
  );
}
