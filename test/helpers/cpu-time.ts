// What work costs, for tests that compare two works: of this process alone, the least of turns taken one after the
// other. No test holds a time against a number of seconds: machines differ, and others run beside it.

/** Least user CPU milliseconds of each work, both taken in turn `turns` times after one that is not counted. */
export function cpuMsOf(works: readonly (() => void)[], turns = 7): number[] {
  const least = works.map(() => Number.POSITIVE_INFINITY);
  for (let turn = -1; turn < turns; turn++)
    works.forEach((work, i) => {
      const before = process.cpuUsage();
      work();
      const ms = process.cpuUsage(before).user / 1000;
      if (turn >= 0) least[i] = Math.min(least[i]!, ms);
    });
  return least;
}
