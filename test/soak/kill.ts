// SIGKILL and SIGTERM at any moment of a run that keeps its folder as `cmedl train` does.
import { bundleOf, start } from "./child.ts";
import { killAgainAndAgain } from "./killed-run.ts";
import type { Soak } from "./soak.ts";

const [EPOCHS, STEPS, SAVE_EVERY] = [3, 8, 3];

export const kill: Soak = {
  name: "kill",
  tries: "a run ended at random moments, resumed, compared with one that was not",
  seconds: 200,
  run: async (budget, random) => {
    const file = await bundleOf("test/soak/tiny-run.ts");
    const args = [EPOCHS, STEPS, SAVE_EVERY].map(String);
    return killAgainAndAgain(
      {
        lanes: 3,
        kills: 200,
        saveEvery: SAVE_EVERY,
        stepsPerEpoch: STEPS,
        start: async (folder, options) => start(file, [folder, ...args], options),
      },
      budget,
      random,
    );
  },
};
