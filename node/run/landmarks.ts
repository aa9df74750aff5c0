// Landmarks of a run's histograms, learned while a bar tells how far it is.
import type { TrainConfig } from "../../train/config/config.ts";
import { withLandmarks as learned } from "../../train/run/landmarks.ts";
import type { Bar, Narrator } from "../narrator.ts";
import type { RunSources } from "./sets.ts";

/** As withLandmarks of train/. */
export async function withLandmarks(
  config: TrainConfig,
  sources: RunSources,
  narrator: Narrator,
): Promise<TrainConfig> {
  let bar: Bar | undefined;
  try {
    return await learned(config, sources, ({ what, done, total }) => {
      if (done > 0) return bar?.advance();
      bar?.done();
      bar = narrator.bar(`histograms of the ${what}`, total);
    });
  } finally {
    bar?.done();
  }
}
