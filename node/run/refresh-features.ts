// Brings what a run's folder holds of its features up to the weights that are kept by now.
import { CmedlError } from "../../errors/cmedl-error.ts";
import type { SliceSet } from "../../data/slices.ts";
import type { Device } from "../../engine/index.ts";
import type { TrainConfig } from "../../train/config/config.ts";
import { CommandError } from "../errors.ts";
import { exists } from "../files.ts";
import type { Narrator } from "../narrator.ts";
import { type ClusterOptions, type GatheredPixels, featureClusters, gatherPixels } from "./feature-clusters.ts";
import {
  FeatureProgram,
  featureMaps,
  readFeatureMaps,
  structureSlices,
  writeFeatureClusters,
  writeFeatureMaps,
} from "./features.ts";
import type { RunFolder } from "./folder.ts";
import { type Source, scanSource } from "./source.ts";

export interface RefreshOptions {
  /** Opens a device; asked for one where there is something to compute alone. */
  readonly open: () => Promise<Device>;
  readonly narrator: Narrator;
  /** t-SNE maps are made too, however long that takes. */
  readonly clusters?: ClusterOptions | undefined;
}

/**
 * Writes feature maps of the weights that are kept, unless the folder has them, and t-SNE maps where they are asked
 * for. Without these a run that has no data, no checkpoint or no GPU is no error: `narrator` hears why nothing was
 * written. With them it throws: FileError, CommandError, DataError, GpuUnavailableError, UsageError for too few pixels.
 */
export async function refreshFeatures(run: RunFolder, options: RefreshOptions): Promise<void> {
  try {
    await refresh(run, options);
  } catch (error) {
    if (options.clusters || !(error instanceof CmedlError)) throw error;
    options.narrator.say(`feature maps are left out: ${error.message}`);
  }
}

async function refresh(run: RunFolder, { open, narrator, clusters }: RefreshOptions): Promise<void> {
  const config = await run.readConfig();
  const { checkpoint } = await run.bestOrLatest((message) => narrator.say(`passed over: ${message}`));
  const { steps } = checkpoint.progress;
  const hasMaps = (await readFeatureMaps(run))?.steps === steps;
  if (hasMaps && !clusters) return;
  const sets = await setsOf(await sourceOf(config), config, clusters ? Infinity : 1);
  let pixels: readonly GatheredPixels[] = [];
  {
    // Gone before t-SNE opens devices of its own.
    using device = await open();
    using program = await FeatureProgram.open(device, config, checkpoint);
    if (!program) throw new CommandError("usage", `a regime of the kind ${config.regime} shows no features`);
    if (!hasMaps) await writeFeatureMaps(run, await featureMaps(program, sets[0]!, config, steps));
    if (clusters) pixels = await gatherPixels(program, sets, config.seed, clusters, narrator);
  }
  if (!clusters) return;
  const from = { config, steps, cases: sets.length };
  await writeFeatureClusters(run, await featureClusters(pixels, from, clusters, { open, narrator }));
}

/** The student's folder. Throws CommandError where there is none any more. */
async function sourceOf({ data }: TrainConfig): Promise<Source> {
  if (data.student === "") throw new CommandError("usage", "the run was trained on phantoms, which are not kept");
  if (!(await exists(data.student)))
    throw new CommandError("data", `${data.student}, which the run was trained on, is gone; put it back`);
  return scanSource(data.student);
}

/** Slices with a structure of each validation case that has one, the first `most` of these. Throws CommandError. */
async function setsOf(source: Source, config: TrainConfig, most: number): Promise<SliceSet[]> {
  const sets: SliceSet[] = [];
  for (const id of config.cases.studentVal) {
    if (sets.length >= most) break;
    const set = await structureSlices(source, id, config).catch((error: Error) => {
      // A case without any structure shows nothing here.
      if (error instanceof CmedlError && "field" in error && error.field === "masks") return undefined;
      throw error;
    });
    if (set) sets.push(set);
  }
  if (sets.length === 0) throw new CommandError("data", `no validation case of ${source.name} shows a structure`);
  return sets;
}
