// Every kernel of an op's list at one problem, as any device would run it, held against f64.
import * as assert from "uvu/assert";
import { compareElements } from "../../bench/cases/spots.ts";
import { wrongLine } from "../../bench/cases/wrong.ts";
import type { Attrs, KernelOp, Lowering } from "../../engine/op.ts";
import type { Shape } from "../../engine/shape.ts";
import type { Consts, Kernel, Params } from "../../kernels/kernel.ts";
import { combinations } from "../../lab/choice.ts";
import { rawDevice, runOp } from "./run-op.ts";

export interface Agreement {
  /** The list that the op selects from. */
  readonly kernels: readonly Kernel[];
  /** What element i of the op's first output should be. */
  want(i: number): number;
  /** Of the largest element. Default 2e-6: the rounding of a few operations. */
  readonly tolerance?: number;
}

/**
 * Refuses the first wrong element of any kernel that fits, at any of its tunables: by kernel and place. Throws where no
 * kernel fits, too.
 */
export async function everyKernelAgrees<A extends Attrs>(
  op: KernelOp<A>,
  attrs: A,
  inputs: Parameters<typeof runOp>[2],
  { kernels, want, tolerance = 2e-6 }: Agreement,
): Promise<void> {
  const { device } = await rawDevice();
  let fitting = 0;
  for (const kernel of kernels)
    for (const consts of combinations(kernel))
      for (const cpu of [true, false]) {
        const only = onlyBy(op, kernel, consts);
        const [got] = await runOp(only.op, attrs, inputs, { cpu, subgroups: device.features.has("subgroups") });
        if (!only.fits()) continue;
        fitting++;
        const { wrong } = compareElements(got!, want, tolerance);
        const named = [kernel.name, ...Object.entries(consts).map(([name, value]) => `${name}=${value}`)].join(" ");
        if (wrong)
          assert.unreachable(
            `${named}, ${cpu ? "CPU adapter" : "GPU"}: ${wrongLine({ result: "y", shape: only.shape(), ...wrong })}`,
          );
      }
  assert.ok(fitting > 0, `no kernel of ${op.name} fits`);
}

/** The op by this kernel wherever that fits, and whether it did. */
function onlyBy<A extends Attrs>(op: KernelOp<A>, kernel: Kernel, consts: Consts) {
  let isFit = false;
  let shape: Shape = [];
  const lower: KernelOp<A>["lower"] = (l, a) => {
    ({ shape } = l.outputs[0]);
    const select: Lowering["select"] = (all, params: Params) => {
      isFit = all.includes(kernel) && (kernel.fits?.(params, l.traits) ?? true);
      return isFit ? kernel : l.select(all, params);
    };
    const dispatch: Lowering["dispatch"] = (k, p, buffers, c) =>
      l.dispatch(k, p, buffers, k === kernel ? { ...c, ...consts } : c);
    op.lower({ ...l, select, dispatch }, a);
  };
  return { op: { ...op, lower }, fits: () => isFit, shape: () => shape };
}
