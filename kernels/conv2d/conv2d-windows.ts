// A convolution, or a gradient of it, of images that are larger than one binding: some images at a time, or some rows
// of one, with the rows that the filter reaches beyond them. A window is a convolution too: its padding says where it
// lies.
import type { BindingRoom, Run } from "../kernel.ts";
import { alignedStep, rangesOf, rangesWithin, runOf } from "../windows.ts";
import type { ConvProblem } from "./conv2d-problem.ts";

/** A part of a problem, and the elements of the image x and of y that it has. */
export interface ConvWindow {
  readonly p: ConvProblem;
  readonly x: Run;
  readonly y: Run;
}

/** How rows of one image are cut. */
interface Rows {
  /** The dimension that is cut, and rows of which a window is a multiple. */
  readonly count: number;
  readonly multiple: number;
  /** Elements of a row. */
  readonly each: number;
  /** Elements of a row of the other image, its rows, and those of them [from, to) that rows [from, to) meet. */
  readonly otherEach: number;
  readonly otherCount: number;
  meet(from: number, to: number): readonly [from: number, to: number];
  part(from: number, to: number, otherFrom: number, otherTo: number): ConvProblem;
}

const clampTo = (i: number, least: number, most: number): number => Math.min(Math.max(i, least), most);

/**
 * Windows of y, for y itself and for the sum over its pixels that dw is; a window of rows starts at a `multiple`.
 * The whole where it fits, or where no window does.
 */
export function convWindows(p: ConvProblem, room: BindingRoom, multiple = 1): ConvWindow[] {
  const { h, strideY, dilY, padTop, r, reflect } = p;
  return windowsOf(p, room, {
    count: p.p,
    multiple,
    each: p.q * p.k,
    otherEach: p.w * p.c,
    otherCount: h,
    meet: (from, to) => {
      const first = from * strideY - padTop;
      const last = (to - 1) * strideY + (r - 1) * dilY - padTop;
      // Rows that stand beyond an edge are mirrored to rows before it.
      const low = reflect && last > h - 1 ? Math.min(first, 2 * (h - 1) - last) : first;
      const high = reflect && first < 0 ? Math.max(last, -first) : last;
      const start = clampTo(low, 0, h - 1);
      return [start, clampTo(high + 1, start + 1, h)];
    },
    part: (from, to, h0, h1) => ({ ...p, n: 1, h: h1 - h0, p: to - from, padTop: padTop - from * strideY + h0 }),
  });
}

/** Windows of x, for the gradient dx of zero padding. The whole where it fits, or where no window does. */
export function inputGradWindows(p: ConvProblem, room: BindingRoom): ConvWindow[] {
  const { strideY, dilY, padTop, r } = p;
  const turned = windowsOf(p, room, {
    count: p.h,
    multiple: strideY,
    each: p.w * p.c,
    otherEach: p.q * p.k,
    otherCount: p.p,
    meet: (from, to) => {
      const start = clampTo(Math.ceil((from + padTop - (r - 1) * dilY) / strideY), 0, p.p - 1);
      return [start, clampTo(Math.floor((to - 1 + padTop) / strideY) + 1, start + 1, p.p)];
    },
    part: (from, to, p0, p1) => ({ ...p, n: 1, h: to - from, p: p1 - p0, padTop: padTop + from - p0 * strideY }),
  });
  return turned.map((window) => ({ p: window.p, x: window.y, y: window.x }));
}

/** Windows whose `y` is what is cut, and whose `x` is what that meets. */
function windowsOf(p: ConvProblem, room: BindingRoom, rows: Rows): ConvWindow[] {
  const each = rows.count * rows.each;
  const otherEach = rows.otherCount * rows.otherEach;
  const images = rangesWithin(p.n, [each, otherEach], room);
  if (images)
    return images.map((range) => ({
      p: { ...p, n: range.to - range.from },
      x: runOf(range, otherEach),
      y: runOf(range, each),
    }));
  const whole = [{ p, x: { first: 0, count: p.n * otherEach }, y: { first: 0, count: p.n * each } }];
  if (p.n > 1 && (each % room.align !== 0 || otherEach % room.align !== 0)) return whole;
  return rowWindows(p.n, room, rows, { each, otherEach }) ?? whole;
}

/** Windows of some rows of each of `n` images; undefined where none fits. */
function rowWindows(
  n: number,
  room: BindingRoom,
  rows: Rows,
  { each, otherEach }: { readonly each: number; readonly otherEach: number },
): ConvWindow[] | undefined {
  const otherStep = alignedStep(rows.otherEach, room);
  const step = lcm(alignedStep(rows.each, room), rows.multiple);
  const met = (from: number, to: number): readonly [number, number] => {
    const [first, last] = rows.meet(from, to);
    return [Math.floor(first / otherStep) * otherStep, last];
  };
  const fits = (size: number): boolean =>
    size * rows.each <= room.most &&
    rangesOf(rows.count, size).every(({ from, to }) => {
      const [first, last] = met(from, to);
      return (last - first) * rows.otherEach <= room.most;
    });
  let size = Math.floor(Math.min(rows.count, room.most / rows.each) / step) * step;
  while (size > 0 && !fits(size)) size -= step;
  if (size <= 0) return undefined;
  return Array.from({ length: n }, (_, i) => i).flatMap((i) =>
    rangesOf(rows.count, size).map(({ from, to }): ConvWindow => {
      const [first, last] = met(from, to);
      const x = runOf({ from: first, to: last }, rows.otherEach);
      const y = runOf({ from, to }, rows.each);
      return {
        p: rows.part(from, to, first, last),
        x: { ...x, first: i * otherEach + x.first },
        y: { ...y, first: i * each + y.first },
      };
    }),
  );
}

function lcm(a: number, b: number): number {
  let n = Math.max(a, b);
  while (n % a !== 0 || n % b !== 0) n++;
  return n;
}
