// The collapse watch: names what makes a distillation run end with an empty mask, while it still trains. Judges numbers
// only; what is measured, and when, is the training loop's.

/** What is measured once an epoch on one batch, at that step's weights. Absent where a regime has no such part. */
export interface Vitals {
  /** Norm of the weighted segmentation loss's gradient on the student's parameters. */
  readonly segmentationGradient?: number;
  /** Norm of the weighted distillation loss's gradient on the same parameters. */
  readonly distillationGradient?: number;
  /** Variance over batch and space of each tied feature, averaged over its channels: the student's. */
  readonly studentVariance?: readonly number[];
  /** The teacher's. */
  readonly teacherVariance?: readonly number[];
  /** Standard deviation of the pseudo image over that of real ones of the modality. */
  readonly contrast?: number;
}

/** An epoch as the watch sees it at its end. */
export interface EpochSigns {
  /** Of all epochs, the part that has ended: 1 after the last. */
  readonly part: number;
  /** Means of the losses over the epoch, by the log's names. */
  readonly losses: Readonly<Record<string, number>>;
  /** Share of validation pixels predicted as foreground, and the experts' share. */
  readonly predicted?: number;
  readonly expected?: number;
}

export type SignCode =
  | "constant-mask"
  | "distillation-rules"
  | "shrinking-features"
  | "discriminator-won"
  | "flat-translation";

export interface Sign {
  readonly code: SignCode;
  /** What was seen, with its numbers. */
  readonly message: string;
  /** What to change. */
  readonly mend: string;
}

/**
 * A gradient this many times the segmentation's leaves the student no freedom to segment (4 to 90 in runs that failed).
 */
const RULING = 4;
/** Tied features at this part of their first variance have collapsed (a half to a third in runs that failed). */
const SHRUNK = 0.4;
/** Epochs in a row with an empty mask, or a full one, before it is named, and the part of a run that may go by so. */
const CONSTANT_EPOCHS = 2;
const LATE_START = 0.5;
/** Least-squares GAN: a discriminator's loss near 0 with its generator's near 1. */
const DISCRIMINATOR_WON = { discriminator: 0.02, generator: 0.9 };
/** Contrast of a pseudo image, as a part of the real one's, below which it shows nothing. */
const FLAT = 0.15;

/** What the watch remembers from epoch to epoch. Plain JSON: part of a checkpoint. */
export interface WatchState {
  readonly first?: Vitals;
  /** Measured at the start of the epoch at hand. */
  readonly current?: Vitals;
  /** Epochs in a row whose validation masks were all empty, or all full. */
  readonly constant: number;
  /** Signs that were named already: each is named once a run. */
  readonly named: readonly SignCode[];
}

export const startOfWatch = (): WatchState => ({ constant: 0, named: [] });

/** With the vitals that an epoch begins with. */
export const withVitals = (state: WatchState, vitals: Vitals): WatchState => ({
  ...state,
  first: state.first ?? vitals,
  current: vitals,
});

/** Judges an epoch that ended: its signs that were not named before, and what to remember. */
export function judgeEpoch(state: WatchState, epoch: EpochSigns): { state: WatchState; signs: Sign[] } {
  const { first = {}, current = {} } = state;
  const constant = isConstant(epoch) ? state.constant + 1 : 0;
  const seen = [
    constant >= CONSTANT_EPOCHS && epoch.part >= LATE_START ? constantMask(epoch, constant) : undefined,
    distillationRules(current),
    shrinkingFeatures(first, current),
    discriminatorWon(epoch.losses),
    flatTranslation(current),
  ];
  const signs = seen.filter((sign) => sign !== undefined).filter(({ code }) => !state.named.includes(code));
  return { state: { ...state, constant, named: [...state.named, ...signs.map(({ code }) => code)] }, signs };
}

const isConstant = ({ predicted, expected = 0 }: EpochSigns): boolean =>
  expected > 0 && (predicted === 0 || predicted === 1);

const LATE_HINT =
  "let the hint weigh less (losses.weights.hint), or start later than it does (losses.schedule.hint, such as [0.2, 0.5])";

function constantMask({ predicted }: EpochSigns, epochs: number): Sign {
  const what = predicted === 0 ? "empty" : "full";
  return {
    code: "constant-mask",
    message: `every validation mask has been ${what} for ${epochs} epochs`,
    mend: "train longer, raise optimization.rates.S, or, unless it is so, start the head at the foreground's share (networks.segmentor.prior=data)",
  };
}

function distillationRules({ segmentationGradient: seg, distillationGradient: hint }: Vitals): Sign | undefined {
  if (seg === undefined || hint === undefined || !(hint > RULING * seg)) return undefined;
  return {
    code: "distillation-rules",
    message: `the distillation's gradient on the student is ${ratioText(hint / seg)} times the segmentation's`,
    mend: LATE_HINT,
  };
}

function shrinkingFeatures(first: Vitals, now: Vitals): Sign | undefined {
  const parts = (["studentVariance", "teacherVariance"] as const).flatMap((side) =>
    (now[side] ?? []).map((variance, layer) => variance / (first[side]?.[layer] ?? Number.NaN)),
  );
  const least = Math.min(...parts.filter(Number.isFinite));
  if (!(least < SHRUNK)) return undefined;
  return {
    code: "shrinking-features",
    message: `tied features have shrunk to ${least.toFixed(2)} of their first variance`,
    mend: LATE_HINT,
  };
}

function discriminatorWon(losses: EpochSigns["losses"]): Sign | undefined {
  for (const [discriminator, generator, modality] of [
    ["lossDM", "advM", "MR"],
    ["lossDC", "advC", "CT"],
  ] as const) {
    const d = losses[discriminator];
    const g = losses[generator];
    if (d === undefined || g === undefined) continue;
    if (d < DISCRIMINATOR_WON.discriminator && g > DISCRIMINATOR_WON.generator)
      return {
        code: "discriminator-won",
        message: `the discriminator of ${modality} tells all pseudo images (its loss ${d.toFixed(3)}, the generator's ${g.toFixed(2)})`,
        mend: "lower optimization.rates.D or networks.discriminator.width, or widen the generator",
      };
  }
  return undefined;
}

function flatTranslation({ contrast }: Vitals): Sign | undefined {
  if (contrast === undefined || !(contrast < FLAT)) return undefined;
  return {
    code: "flat-translation",
    message: `pseudo images have ${contrast.toFixed(2)} of the real ones' contrast`,
    mend: "raise losses.weights.cyc or cx, or widen networks.generator",
  };
}

const ratioText = (ratio: number): string => (ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(1));
