// Two whole iterations of CMEDL: first the phases of the first one at a time, then both in a chain.
import type { Device } from "../../engine/index.ts";
import { checkChain } from "./cmedl-step-chain.ts";
import type { Notes } from "./cmedl-step-networks.ts";
import { checkPhases } from "./cmedl-step-phases.ts";
import type { Comparison, GoldenFile } from "./comparison.ts";

export async function checkCmedlStep(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const notes = file.notes as Notes | undefined;
  if (!notes?.losses) throw new Error(`${file.name}.json, which holds the losses, is missing`);
  await checkPhases(file, notes, device, c);
  await checkChain(file, notes, device, c);
}
