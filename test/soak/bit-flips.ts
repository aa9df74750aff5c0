// Bits flipped and ends cut off in a checkpoint: each is found, and the checkpoint before is used.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Device } from "../../engine/index.ts";
import { CmedlError } from "../../errors/cmedl-error.ts";
import { RunFolder } from "../../node/run/folder.ts";
import { readCheckpoint, saveCheckpoint, startOfRun } from "../../train/checkpoint.ts";
import { environment } from "../helpers/environment.ts";
import { type Random, type Soak, Tally, must } from "./soak.ts";
import { tinyRegime } from "./tiny-net.ts";

/** After so many flips one is tried in a run's folder. */
const IN_FOLDER_EVERY = 500;
const FLIPS = 10_000;

export const bitFlips: Soak = {
  name: "bit-flips",
  tries: "one bit of a checkpoint flipped, or its end cut off, anywhere",
  seconds: 20,
  run: async (budget, random) => {
    const tally = new Tally();
    using device = await Device.open((await environment().gpu()).gpu);
    const regime = tinyRegime();
    using _step = await device.compile(
      ({ x, y }) => regime.step({ xC: x, yC: y }),
      { x: [1, 8, 8, 1], y: [1, 8, 8, 1] },
      { mode: "train" },
    );
    const progress = { ...startOfRun(), epoch: 3, step: 1, steps: 31, sums: { lossS: [0.25, 1] as [number, number] } };
    const whole = await saveCheckpoint(device, regime, progress, { seed: 3 });
    await readCheckpoint(whole, "whole");
    const base = await mkdtemp(join(tmpdir(), "cmedl-flips-"));
    const header = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    let inHeader = 0;
    try {
      for (let n = 0; budget.allows(n) && n < FLIPS; n++) {
        const { bytes, where } = harmed(whole, header, random.of(n));
        if (where.includes("header")) inHeader++;
        await tally.try(`${where} (seed ${random.seed}, ${n})`, async () => {
          must(await isRefused(bytes), "was read as if it were whole");
          if (n % IN_FOLDER_EVERY === 0) await mustPassOver(base, whole, bytes);
        });
      }
    } finally {
      await rm(base, { recursive: true, force: true });
    }
    tally.count("flips", tally.tried, FLIPS);
    tally.note(`${whole.length} bytes, of which ${header} are the header; ${inHeader} flips there`);
    return tally;
  },
};

function harmed(whole: Uint8Array, header: number, draw: Random): { bytes: Uint8Array<ArrayBuffer>; where: string } {
  if (draw.next() < 0.05) {
    const length = draw.whole(whole.length);
    return { bytes: whole.slice(0, length), where: `cut off at byte ${length}` };
  }
  const bytes = whole.slice();
  const at = draw.next() < 0.5 ? draw.whole(header) : draw.whole(whole.length);
  const bit = draw.whole(8);
  bytes[at]! ^= 1 << bit;
  return { bytes, where: `bit ${bit} of byte ${at}${at < header ? ", in the header" : ""}` };
}

const isRefused = (bytes: Uint8Array<ArrayBuffer>): Promise<boolean> =>
  readCheckpoint(bytes, "harmed").then(
    () => false,
    (error: unknown) => {
      must(error instanceof CmedlError, `threw no error of ours, but ${String(error)}`);
      return true;
    },
  );

/** The newest checkpoint of a run is harmed: the one before is used, and it is said. */
async function mustPassOver(base: string, whole: Uint8Array, bytes: Uint8Array): Promise<void> {
  const path = join(base, "run");
  await mkdir(join(path, "checkpoints"), { recursive: true });
  await writeFile(join(path, "config.yaml"), "seed: 0\n");
  await writeFile(join(path, "checkpoints/step-00000031.safetensors"), whole);
  await writeFile(join(path, "checkpoints/step-00000032.safetensors"), bytes);
  const said: string[] = [];
  const { file } = await (await RunFolder.open(path)).latestCheckpoint((message) => said.push(message));
  must(file.endsWith("step-00000031.safetensors") && said.length === 1, `${file} was taken`);
}
