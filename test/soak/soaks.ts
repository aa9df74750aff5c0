// All experiments, in the order in which they are run: short ones first, for what they leave of their time is the
// others'.
import { bitFlips } from "./bit-flips.ts";
import { deviceLoss } from "./device-loss.ts";
import { disk } from "./disk.ts";
import { growth } from "./growth.ts";
import { guards } from "./guards.ts";
import { hang } from "./hang.ts";
import { kill } from "./kill.ts";
import { killCommand } from "./kill-command.ts";
import { longDispatches } from "./long-dispatches.ts";
import { mixed } from "./mixed.ts";
import { mutations } from "./mutations.ts";
import { names } from "./names.ts";
import { notFinite } from "./not-finite.ts";
import { outOfMemory } from "./out-of-memory.ts";
import { page } from "./page.ts";
import { sameBits } from "./same-bits.ts";
import type { Soak } from "./soak.ts";
import { validation } from "./validation.ts";

export const soaks: readonly Soak[] = [
  ...[validation, longDispatches, names, bitFlips, sameBits, mixed],
  ...[deviceLoss, guards, hang, disk, kill, killCommand],
  ...[outOfMemory, notFinite, page, mutations],
  growth,
];
