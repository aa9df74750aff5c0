// Stages laid along rows of equal time, as words along lines.

/** A piece of a stage in a row: where it begins and how wide it is, as parts of the row, 0 … 1. */
export interface Bar {
  readonly stage: number;
  readonly row: number;
  readonly x: number;
  readonly width: number;
}

/** Most stages in a row that can still be told apart, on average. */
const STAGES_A_ROW = 40;
const MOST_ROWS = 8;

export const rowsFor = (stages: number): number => Math.min(MOST_ROWS, Math.max(1, Math.ceil(stages / STAGES_A_ROW)));

/** Stages in their order, end to end; one that passes a row's end goes on in the next. Those of no time have no bar. */
export function layBars(timesUs: readonly number[], rows: number): Bar[] {
  const total = timesUs.reduce((sum, t) => sum + t, 0);
  const bars: Bar[] = [];
  let at = 0;
  timesUs.forEach((timeUs, stage) => {
    const end = at + (timeUs / total) * rows;
    for (let row = Math.min(rows - 1, Math.floor(at)); row < rows && timeUs > 0; row++) {
      const from = Math.max(at, row);
      const to = row === rows - 1 ? end : Math.min(end, row + 1);
      if (to > from) bars.push({ stage, row, x: from - row, width: to - from });
      if (to >= end) break;
    }
    at = end;
  });
  return bars;
}

/** Colours that differ in hue and lightness, legible on light and dark ground; those after the last are grey. */
const COLOURS = [
  "light-dark(#0b5cad, #6cb2ff)",
  "light-dark(#b8500a, #ffa05c)",
  "light-dark(#1a7f37, #63d188)",
  "light-dark(#8639b5, #cf9bff)",
  "light-dark(#a8123e, #ff85a1)",
  "light-dark(#00767d, #4fd3dc)",
  "light-dark(#7a6200, #e3c84a)",
  "light-dark(#54421f, #c4a97a)",
] as const;
export const colourOf = (kernel: number): string => COLOURS[kernel] ?? "light-dark(#767c85, #8d95a1)";
