// What a run is made of before its programs are compiled, from its configuration and its slices.
import { changesIntensity } from "../../data/augment.ts";
import { UnpairedBatches } from "../../data/batches.ts";
import { type Device, type Pacing, UsageError } from "../../engine/index.ts";
import { type ForeignTensor, loadStateDict } from "../../models/pytorch.ts";
import { type TrainConfig, flipsLeftOut, sidesOf } from "../config/config.ts";
import { inferBy } from "../inference-programs.ts";
import { type SavedCheckpoint, Training, type TrainingOptions } from "../loop.ts";
import { stayNearStart } from "../proximal.ts";
import type { Sharing } from "../ranks.ts";
import type { Regime } from "../regime.ts";
import { featuresOf, makeRegime } from "../regimes/make.ts";
import { slicesToPicture } from "./pictured.ts";
import { type TrainingSets, withPrior } from "./sets.ts";

export interface TrainingPartsOptions {
  /** The weights of VGG, under torchvision's names, where the configuration names a file of them. */
  readonly features?: ReadonlyMap<string, ForeignTensor> | undefined;
  /** Stop at the first op whose output is not finite, and name it; slow. */
  readonly debugNans?: boolean;
  /** Where other processes train with this one: rank 0 alone then looks for a collapse, and makes pictures. */
  readonly sharing?: Sharing | undefined;
}

/** What `Training.create` takes. */
export interface TrainingParts {
  readonly regime: Regime;
  readonly batches: UnpairedBatches;
  readonly options: TrainingOptions;
}

export interface OpenTrainingOptions extends TrainingPartsOptions, Pacing {
  /** Where the run goes on. */
  readonly from?: SavedCheckpoint;
}

/** Validation slices that a picture is made of after each epoch. */
const PICTURED = 3;

/**
 * A run of sets, ready to be compiled. Throws UsageError where the configuration names a file of VGG weights and none
 * are given, StateDictError where they are not of its VGG, DataError where the sets make no batches.
 */
export function trainingParts(
  config: TrainConfig,
  sets: TrainingSets,
  { features, debugNans = false, sharing }: TrainingPartsOptions = {},
): TrainingParts {
  return {
    regime: regimeOf(withPrior(config, sets.statistics.slices), features),
    batches: batchesOf(config, sets, sharing),
    options: optionsOf(config, sets, debugNans, sharing),
  };
}

/** A run of sets, compiled. Throws as trainingParts and Training.create. */
export async function openTraining(
  device: Device,
  config: TrainConfig,
  sets: TrainingSets,
  { features, debugNans, sharing, from, ...pacing }: OpenTrainingOptions = {},
): Promise<Training> {
  const { regime, batches, options } = trainingParts(config, sets, {
    features,
    sharing,
    ...(debugNans === undefined ? {} : { debugNans }),
  });
  return Training.create(device, regime, batches, options, from, pacing);
}

/** The configuration's regime, its frozen features filled in, its student held to its start where that is asked for. */
function regimeOf(config: TrainConfig, features: TrainingPartsOptions["features"]): Regime {
  const regime = makeRegime(config);
  const vgg = featuresOf(regime);
  const { file } = config.networks.features;
  if (vgg && file !== null) {
    if (!features)
      throw new UsageError(
        `networks.features.file is ${file}, whose weights are not given; give them as features, or null for random ones`,
      );
    loadStateDict(vgg, features);
  }
  const { proximal, statistics } = config.optimization;
  if (proximal > 0) stayNearStart(regime, proximal);
  inferBy(regime, statistics);
  return regime;
}

function batchesOf(config: TrainConfig, sets: TrainingSets, sharing: Sharing | undefined): UnpairedBatches {
  const {
    seed,
    optimization: { batch, steps },
  } = config;
  const augmentation = {
    ...config.augmentation,
    ...(flipsLeftOut(config) === undefined ? { sides: sidesOf(config) } : { flip: 0, sides: [] }),
  };
  const { flip, degrees, scale, elastic } = augmentation;
  const augments = flip || degrees || scale || elastic || changesIntensity(augmentation);
  // A regime without a teacher looks at the student's half of a batch only.
  return new UnpairedBatches(sets.student, sets.teacher ?? sets.student, {
    batch,
    seed,
    ...(sharing && { part: { rank: sharing.ranks.rank, size: sharing.ranks.size } }),
    ...(steps === null ? {} : { steps }),
    ...(augments ? { augment: augmentation } : {}),
  });
}

function optionsOf(
  config: TrainConfig,
  { validation }: TrainingSets,
  debugNans: boolean,
  sharing: Sharing | undefined,
): TrainingOptions {
  const {
    saveEvery,
    optimization: { epochs, decayFrom, patience, precision },
  } = config;
  const isFirst = !sharing || sharing.ranks.rank === 0;
  return {
    epochs,
    config,
    validation,
    pictured: isFirst ? slicesToPicture(validation, PICTURED) : [],
    debugNans,
    precision,
    watch: isFirst,
    ...(sharing && { sharing }),
    ...(saveEvery === null ? {} : { saveEvery }),
    ...(decayFrom === null ? {} : { decayFrom }),
    ...(patience === null ? {} : { patience }),
  };
}
