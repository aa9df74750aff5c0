// A part of many images, which may be worked on beside the others.
import { CommandError } from "../errors.ts";

/** A part of many images: the `index`-th of `count`, from 1. */
export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** "2/8" as the second of eight parts. Throws CommandError. */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^([1-9]\d*)\/([1-9]\d*)$/.exec(text) ?? []).map(Number);
  if (index === undefined || count === undefined || index > count)
    throw new CommandError("usage", `--shard ${text}: give a part and how many there are, such as 2/8`);
  return { index, count };
}

/** Every `count`-th of the images: together the parts are all, and none is in two. */
export const ofShard = <T>(all: readonly T[], { index, count }: Shard): T[] =>
  all.filter((_, i) => i % count === index - 1);
