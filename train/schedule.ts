// Learning rates over epochs.

/** 1 up to epoch `from` (counted from 0), then falling in even steps: by 1/(over + 1) an epoch. */
export const linearDecay = (epoch: number, from: number, over: number): number =>
  1 - Math.max(0, epoch - from) / (over + 1);
