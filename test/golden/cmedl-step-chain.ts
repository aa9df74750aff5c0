// Both iterations of CMEDL in a chain, where Adam's first, sign-like step lets rounding grow.
import type { Device, Tensor } from "../../engine/index.ts";
import type { Batch } from "../../train/regime.ts";
import { CHAINED, LOSS, checkLosses, checkMovement, checkStatistics } from "./cmedl-step-checks.ts";
import { NETWORKS, type Notes, batchOf, build } from "./cmedl-step-networks.ts";
import type { Comparison, GoldenFile } from "./comparison.ts";
import { toNhwc } from "./stored.ts";

/** Both iterations as `step` chains them. */
export async function checkChain(file: GoldenFile, notes: Notes, device: Device, c: Comparison): Promise<void> {
  const { cmedl, networks } = build(file, notes);
  const first = batchOf(file, 0);
  const { translator } = cmedl;
  const last = { GCM: lastOutput(translator.GCM), SC: lastOutput(cmedl.SC) };
  using program = await device.compile(
    (t: Batch): Record<string, Tensor> => {
      const fm = translator.GCM.forward(t.xC);
      const losses = cmedl.step(t);
      return { ...losses, fm, fm2: last.GCM()!, logit_ct: last.SC()!.logits };
    },
    { xC: first.xC.shape, yC: first.yC.shape, xM: first.xM.shape, yM: first.yM.shape },
    { mode: "train", name: "cmedl-step" },
  );
  for (const [i, wanted] of notes.losses.entries()) {
    const batch = batchOf(file, i);
    program.run({ xC: batch.xC.data, yC: batch.yC.data, xM: batch.xM.data, yM: batch.yM.data });
    const got = await program.read();
    checkLosses(c, `chain, iteration ${i}: `, got, wanted, LOSS[i]!);
    for (const k of ["fm", "fm2", "logit_ct"]) {
      const want = file.tensors.get(`out${i}/${k}`);
      if (want) c.check(`chain: out${i}/${k}`, got[k]!, toNhwc(want).data, CHAINED.output);
    }
    for (const net of NETWORKS) {
      const rate = (
        net.startsWith("G") ? translator.optimize.G : net.startsWith("D") ? translator.optimize.D : cmedl.optimize.S
      ).rate;
      await checkMovement(
        c,
        device,
        networks[net],
        `after${i + 1}/${net}`,
        file,
        net,
        rate,
        CHAINED.elsewhere,
        "chain: ",
      );
    }
    await checkStatistics(c, device, networks, file, i + 1, "chain: ");
  }
}

/** What a network's latest forward pass gave. */
function lastOutput<T>(network: { forward(x: Tensor): T }): () => T | undefined {
  const forward = network.forward.bind(network);
  let last: T | undefined;
  network.forward = (x) => (last = forward(x));
  return () => last;
}
