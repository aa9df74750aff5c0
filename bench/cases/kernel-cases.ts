// One layer of one network at a time: forward, gradient to the image, gradient to the weights.
import type { Device } from "../../engine/index.ts";
import type { Case, Prepared } from "./case.ts";
import { checkPass } from "./check.ts";
import { type Found, type Layer, keyOf, kindOf, layerFlops, nameOf, shrunk } from "./layers.ts";
import { Operands, type Pass } from "./operands.ts";
import { passesOf } from "./passes.ts";

async function prepare(device: Device, name: string, pass: Pass): Promise<Prepared> {
  const { build, data } = new Operands(pass);
  const program = await device.compile(build, {}, { mode: "train", name, horizontal: false });
  return {
    program,
    async check() {
      program.run();
      const by = { device, build, flops: pass.flops };
      return checkPass(program, await program.read(), pass.spots(data), by);
    },
  };
}

export interface KernelLimits {
  readonly flops: number;
  readonly elements: number;
}

/** What a software adapter does in reasonable time. */
export const softwareLimits = (isQuick: boolean): KernelLimits =>
  isQuick ? { flops: 1.6e8, elements: 1 << 20 } : { flops: 6.5e8, elements: 1 << 22 };

/** All passes of the layers, each once; with limits on smaller images, where some become one. */
export function kernelCases(found: readonly Found[], limits?: KernelLimits): Case[] {
  const distinct = new Map<string, { layer: Layer; flops: number }>();
  for (const { layer } of found) {
    const own = limits ? shrunk(layer, limits.flops, limits.elements) : layer;
    if (!distinct.has(keyOf(own))) distinct.set(keyOf(own), { layer: own, flops: layerFlops(layer) });
  }
  // Of each kind the one that costs most at full size stands for all.
  const heaviest = new Map<string, Layer>();
  for (const { layer } of [...distinct.values()].sort((a, b) => a.flops - b.flops)) heaviest.set(kindOf(layer), layer);
  return [...distinct.values()].flatMap(({ layer }) =>
    passesOf(layer).map((pass): Case => {
      const name = `${nameOf(layer)} ${pass.name}`;
      return {
        name,
        group: "kernel",
        quick: heaviest.get(kindOf(layer)) === layer,
        flops: pass.flops,
        bytes: 4 * pass.elements,
        torch: { layer, pass: pass.name },
        prepare: (device) => prepare(device, name, pass),
      };
    }),
  );
}
