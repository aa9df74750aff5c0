// What two builds are compared at: an op at a shape, or a standing kernel case; each build makes its own program of it.
import { Device, type GpuSource, type Program } from "../../engine/index.ts";
import { type OpRequest, OpBench } from "../op-bench.ts";
import { standingCases } from "../standing.ts";

export type Subject =
  | { readonly op: OpRequest }
  | { readonly name: string; readonly quick: boolean; readonly software: boolean };

export interface Ready extends Disposable {
  readonly device: Device;
  readonly program: Program;
  /** The kernels that it takes, or the case's name. */
  readonly name: string;
  readonly flops: number;
  readonly bytes: number;
  readonly checked: string;
  readonly wrong?: string;
}

/** Compiled and checked. Throws as compiling does. */
export async function prepare(gpu: GpuSource, subject: Subject): Promise<Ready> {
  if ("op" in subject) {
    const bench = await OpBench.open(gpu, subject.op);
    const { entrant, checked } = await bench.one();
    const { flops, elements } = bench.asked.pass;
    return {
      device: bench.device,
      program: entrant.program,
      name: entrant.name,
      flops,
      bytes: 4 * elements,
      checked: checked.checked,
      wrong: checked.wrong?.join("\n"),
      [Symbol.dispose]: () => bench[Symbol.dispose](),
    };
  }
  const { name, quick, software } = subject;
  const found = standingCases([], software, { quick }).cases.find((c) => c.name === name);
  if (!found) throw new Error(`it has no case ${name}`);
  const device = await Device.open(gpu);
  const { program, check } = await found.prepare(device);
  const { flops, bytes } = found;
  return { device, program, name, flops, bytes, ...(await check()), [Symbol.dispose]: () => device.dispose() };
}
