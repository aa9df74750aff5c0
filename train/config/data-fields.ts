// What a configuration says of images and masks: where they lie, how they are split, scaled and cut into slices.
import { type IntensityRule, mrPercentile, softTissueWindow } from "../../data/intensity.ts";
import { LANDMARK_PERCENTILES, areLandmarks } from "../../data/standardization.ts";
import {
  type Field,
  choice,
  group,
  isPair,
  listOf,
  number,
  optional,
  orNull,
  pair,
  path,
  variants,
  whole,
  words,
} from "./fields.ts";

/** A fold of the file of splits, or one of so many that are drawn; from 1. */
export type FoldChoice = number | readonly [fold: number, of: number];

const fold = (says: string): Field<FoldChoice> => ({
  says,
  default: 1,
  expects: "a number of at least 1, or two numbers [i, k] of which k is at least 2 and i from 1 to k",
  accepts: (v) =>
    (Number.isSafeInteger(v) && (v as number) >= 1) ||
    (isPair(v) && v.every(Number.isSafeInteger) && v[0] >= 1 && v[1] >= 2 && v[0] <= v[1]),
});
const landmarks = (says: string): Field<readonly number[] | null> =>
  orNull({
    says,
    default: [],
    expects: `${LANDMARK_PERCENTILES.length} numbers [a, b, …] above 0 that rise`,
    accepts: areLandmarks,
  });
const intensity = (value: IntensityRule, says: string) =>
  variants<IntensityRule>(
    {
      window: {
        low: number(0, {}, "Value that becomes −1, in the image's unit: HU for CT"),
        high: number(0, {}, "Value that becomes 1"),
      },
      percentile: {
        percentile: number(
          0,
          { above: 50, to: 100 },
          "Percentile that becomes 1; the value 0 becomes −1, or the mirrored percentile where that is negative",
        ),
      },
      histogram: {
        low: optional(number(0, {}, "Value of the standard scale that becomes −1")),
        high: optional(orNull(number(0, {}, "Value of the standard scale that becomes 1; null: the last landmark"))),
        landmarks: optional(
          landmarks(
            "Values of the standard scale at the percentiles 1, 10, 20 … 90, 99 of the foreground; " +
              "null: learned from the images that train, when a run starts",
          ),
        ),
      },
    },
    value,
    says,
  );

export const DATA = group(
  "Images and masks; the student's modality is segmented in the end, the teacher's only helps to train",
  {
    student: path("Folder of images and masks of the student's modality"),
    teacher: path("Folder of images and masks of the teacher's modality, of other patients"),
    splits: orNull(
      path(
        "JSON file that splits the cases; null: the one beside the data, else a random split of patients by the seed",
      ),
    ),
    fold: orNull(
      fold(
        "Fold that validates, from 1: [i, k], the i-th of k drawn by patient, as `cmedl experiment --folds k` draws them; " +
          "a number alone, that of the file of splits; null: no fold",
      ),
    ),
    size: whole(256, { from: 32, to: 4096 }, "Height and width of the training images, in pixels"),
    slices: choice(
      ["all", "lung"],
      "all",
      "Slices of CT that take part besides those with foreground: all, or those that hold lung, as the paper tests on",
    ),
    fieldMm: orNull(
      number(
        0,
        { above: 0 },
        "Side of the square that is cut out around a slice's centre, in mm; null: the median short side of the slices",
      ),
    ),
    fieldAt: choice(
      ["centre", "tumour"],
      "centre",
      "Where the square lies in training and validation: round the slice's centre, or so that it encloses tumour and chest wall",
    ),
    studentIntensity: intensity(
      softTissueWindow,
      "How the student's images are scaled to −1 … 1: by a window (low, high), by a percentile of each volume, or by its histogram on a standard scale that the training images teach (low, high, landmarks)",
    ),
    teacherIntensity: intensity(mrPercentile, "How the teacher's images are scaled to −1 … 1"),
    labels: orNull(
      listOf(
        whole(1, { from: 1, to: 32767 }, ""),
        [],
        { from: 1, to: 254 },
        "Values in the masks that are the classes 1, 2, …; null: one structure, the only value besides 0",
      ),
    ),
    names: orNull(
      listOf(
        words(60, ""),
        [],
        { from: 1, to: 254 },
        "Names of the structures, in the order of labels; null: those of dataset.json, else the labels themselves",
      ),
    ),
    sides: orNull(
      listOf(
        pair([1, 2], { from: 1, to: 32767 }, ""),
        [],
        { from: 0, to: 127 },
        "Pairs [a, b] of labels, left and right, that a flip makes of each other; null: several labels are not flipped",
      ),
    ),
    negatives: number(
      0.25,
      { from: 0 },
      "Number of slices without foreground, as a fraction of the number with foreground",
    ),
  },
);
