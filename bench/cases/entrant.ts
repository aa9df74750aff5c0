// What is compared at an op: its programs by different kernels, tiles and texts.
import type { Device, Program, Tensor } from "../../engine/index.ts";
import type { PlannedDispatch } from "../../engine/plan/plan.ts";
import { type Choice, byChoice } from "../../lab/choice.ts";
import type { Operands } from "./operands.ts";

export interface Entrant {
  /** "conv2d-direct-quad KV=2". */
  readonly name: string;
  readonly choice: Choice;
  readonly program: Program;
}

/** The op by this choice, ready to be timed. Throws as compiling does. */
export async function enter(device: Device, operands: Operands, choice: Choice): Promise<Entrant> {
  const build = (): Record<string, Tensor> => operands.buildInPlace(byChoice(operands.build(), choice));
  const program = await device.compile(build, {}, { mode: "train", name: operands.pass.name, horizontal: false });
  return { name: nameOf(program, choice), choice, program };
}

/** What a run of a program dispatches, in its order. */
export const dispatchesOf = (program: Program): PlannedDispatch[] =>
  program.opened().replays.map(({ dispatch }) => dispatch);

/** Kernels that only finish a run, or prepare and join what others compute. */
const BESIDES = new Set(["finish", "map", "sum-partials"]);

/** Kernels with the values of their tunables, as they are dispatched; what stands beside the main ones is left out. */
function nameOf(program: Program, { variant }: Choice): string {
  const dispatches = dispatchesOf(program);
  const main = dispatches.filter((d) => !BESIDES.has(d.kernel.name));
  const names = (main.length > 0 ? main : dispatches.slice(0, -1)).map(({ kernel, consts }) => {
    const tunables = Object.keys(kernel.tunables ?? {}).map((name) => `${name}=${consts[name]}`);
    return [`${kernel.name}${kernel === variant ? " (yours)" : ""}`, ...tunables].join(" ");
  });
  return [...new Set(names)].join(" + ");
}

/** What tells two programs apart: the texts that they dispatch, and how often. */
export const textOf = ({ program }: Entrant): string =>
  dispatchesOf(program)
    .map((d) => `${d.code}\n${d.workgroups.join()}`)
    .join("\n");
