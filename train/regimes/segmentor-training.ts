// How the segmentors of a regime are made and trained, whichever it is.
import type { Module } from "../../engine/index.ts";
import type { SegmentationLoss } from "../../losses/segmentation.ts";
import type { Segmentor } from "../../models/segmentor.ts";
import { Adam, type AdamOptions } from "../adam.ts";
import type { LossWeights } from "../config/weights.ts";
import { type Course, Ramp } from "../schedule.ts";

export interface SegmentorTraining {
  /** Makes each segmentor: of one image channel, unless the regime says otherwise. */
  segmentor: () => Segmentor;
  /** For the initial values of all networks, 0. */
  seed?: number;
  /** λ where it is not the paper's. */
  weights?: Partial<LossWeights>;
  /** Terms whose weight starts late, and their course. */
  schedule?: Schedule;
  /** The segmentation loss: Dice (default), cross-entropy, or both. */
  loss?: SegmentationLoss;
  /** Learning rate, 2e-4. */
  rate?: number;
  adam?: Omit<AdamOptions, "rate" | "name">;
  /** The regime as the command line calls it; the class's own word if absent. */
  kind?: string;
}

/** Courses of the terms that student and teacher follow each other by; null or absent: full from the first step. */
export type Schedule = Readonly<Partial<Record<"hint" | "segPC", Course | null>>>;

/** The ramps of a schedule's terms. */
export const rampsOf = (schedule: Schedule = {}): readonly Ramp[] =>
  Object.entries(schedule).flatMap(([term, course]) => (course ? [new Ramp(term, course)] : []));

/** The optimizer "S" of these networks. */
export const segmentorAdam = (networks: readonly Module[], { rate = 2e-4, adam }: SegmentorTraining): Adam =>
  new Adam(
    networks.flatMap((network) => network.parameters()),
    { ...adam, rate, name: "S" },
  );
