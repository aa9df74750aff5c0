// Curves over epochs as a picture: a frame, round ticks, one coloured line a series and their names.
import { drawText, glyphHeight, textWidth } from "./font.ts";
import { type Colour, Picture, colours } from "./picture.ts";

export interface Series {
  readonly name: string;
  /** One value an epoch, from epoch 1; NaN leaves a gap. */
  readonly values: readonly number[];
  readonly colour?: Colour;
}

export interface CurveOptions {
  readonly title: string;
  readonly xLabel?: string;
  readonly width?: number;
  readonly height?: number;
  /** Range of the values. Default: what they fill, rounded out to ticks. */
  readonly range?: readonly [number, number];
}

const palette: readonly Colour[] = [
  colours.blue,
  colours.orange,
  colours.green,
  colours.algorithm,
  colours.violet,
  colours.expert,
];

const colourOf = (index: number): Colour => palette[index % palette.length]!;

/** Round steps of 1, 2 or 5 × 10ᵏ that part [low, high] into about `count`. */
export function ticks(low: number, high: number, count = 5): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999)!;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The curves as a picture; series without any finite value are named but not drawn. */
export function curvesPicture(
  series: readonly Series[],
  { title, xLabel = "epoch", width = 640, height = 320, range }: CurveOptions,
): Picture {
  const picture = new Picture(width, height, [24, 24, 28]);
  const finite = series.flatMap((s) => s.values.filter(Number.isFinite));
  const steps = Math.max(2, ...series.map((s) => s.values.length));
  let [low, high] = range ?? [
    finite.reduce((a, b) => Math.min(a, b), Infinity),
    finite.reduce((a, b) => Math.max(a, b), -Infinity),
  ];
  if (!(high >= low)) [low, high] = [0, 1];
  if (high === low) [low, high] = [low - 0.5, high + 0.5];
  const marks = ticks(low, high);
  const [first, second] = marks;
  const step = first !== undefined && second !== undefined ? second - first : high - low;
  if (!range) [low, high] = [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
  const left = 8 + Math.max(...ticks(low, high).map((t) => textWidth(String(t)))) + 6;
  const right = width - 12;
  const top = 44;
  const bottom = height - 30;
  const px = (i: number): number => Math.round(left + ((right - left) * i) / (steps - 1));
  const py = (v: number): number =>
    Math.round(bottom - ((bottom - top) * (Math.min(high, Math.max(low, v)) - low)) / (high - low));

  for (const t of ticks(low, high)) {
    picture.line(left, py(t), right, py(t), [58, 58, 64]);
    drawText(picture, String(t), left - 6 - textWidth(String(t)), py(t) - 3, colours.grey);
  }
  for (const e of ticks(1, steps, 8).filter((t) => Number.isInteger(t))) {
    picture.line(px(e - 1), bottom, px(e - 1), bottom + 3, colours.grey);
    drawText(picture, String(e), px(e - 1) - (textWidth(String(e)) >> 1), bottom + 6, colours.grey);
  }
  picture.line(left, top, left, bottom, colours.grey);
  picture.line(left, bottom, right, bottom, colours.grey);
  drawText(picture, title, 8, 6, colours.white, 2);
  drawText(picture, xLabel, right - textWidth(xLabel), height - glyphHeight - 4, colours.grey);

  let x = 8;
  series.forEach(({ name, values, colour = colourOf(series.findIndex((s) => s.name === name)) }) => {
    picture.fill(x, 31, 10, 3, colour);
    drawText(picture, name, x + 14, 29, colours.white);
    x += 14 + textWidth(name) + 14;
    values.forEach((v, i) => {
      if (!Number.isFinite(v)) return;
      const next = values[i + 1];
      for (const thick of [0, 1]) {
        if (next !== undefined && Number.isFinite(next))
          picture.line(px(i), py(v) + thick, px(i + 1), py(next) + thick, colour);
        else picture.line(px(i), py(v) + thick, px(i) + 1, py(v) + thick, colour);
      }
    });
  });
  return picture;
}
