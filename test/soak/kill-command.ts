// SIGKILL and SIGTERM at any moment of `cmedl train` itself, alone and as CMEDL.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandLine } from "../cli/command.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { type Child, type ChildOptions, start } from "./child.ts";
import { killAgainAndAgain } from "./killed-run.ts";
import { type Soak, Tally } from "./soak.ts";

const [EPOCHS, STEPS, SAVE_EVERY] = [2, 6, 2];

export const killCommand: Soak = {
  name: "kill-command",
  tries: "`cmedl train`, ct-only and cmedl, ended at random moments and resumed",
  seconds: 230,
  run: async (budget, random) => {
    const tally = new Tally();
    const data = await mkdtemp(join(tmpdir(), "cmedl-kill-data-"));
    const tiny = ["--size", "32", "--width", "2", "--batch", "1", "--steps", `${STEPS}`, "--epochs", `${EPOCHS}`];
    const startCommand =
      (args: readonly string[]) =>
      async (folder: string, options: ChildOptions): Promise<Child> => {
        const begun = existsSync(join(folder, "config.yaml"));
        const what = begun
          ? ["--resume", folder]
          : [...args, ...tiny, "--save-every", `${SAVE_EVERY}`, "--out", folder];
        const [, file, ...rest] = await commandLine(["train", ...what, "--json", "-q"]);
        return start(file!, rest, options);
      };
    try {
      for (const modality of ["CT", "MR"] as const)
        await writePhantoms(join(data, modality), modality, { size: 32, slices: 3 });
      const student = ["--student", join(data, "CT")];
      const teacher = ["--teacher", join(data, "MR"), "--blocks", "1", "--set", "networks.features.taps=[conv1_2]"];
      for (const [name, args, share, kills] of [
        ["ct-only", ["--preset", "ct-only", ...student], 0.45, 25],
        ["cmedl", [...student, ...teacher, "--set", "networks.discriminator.layers=1"], 1, 15],
      ] as const) {
        const killable = { lanes: 2, kills, saveEvery: SAVE_EVERY, stepsPerEpoch: STEPS, start: startCommand(args) };
        tally.take(name, await killAgainAndAgain(killable, budget.part(share), random));
      }
    } finally {
      await rm(data, { recursive: true, force: true });
    }
    return tally;
  },
};
