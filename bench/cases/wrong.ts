// How a wrong element is reported: its position, and the terms of its formula.
import type { Shape } from "../../engine/index.ts";
import { digits } from "../measure/statistics.ts";
import type { Products } from "./operands.ts";

/** An element of a result that is not what it should be. */
export interface Wrong {
  readonly result: string;
  readonly index: number;
  readonly shape: Shape;
  readonly got: number;
  readonly want: number;
}

/** "y[0, 3, 2, 5]". */
export function place(name: string, shape: Shape, index: number): string {
  const at: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    at.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `${name}[${at.join(", ")}]`;
}

const number = (v: number): string => (Number.isFinite(v) ? `${Number(v.toPrecision(6))}` : String(v));
const MOST_TERMS = 12;

/** "y[0, 3, 2, 5] (element 900 of 1872) is 0, it should be −1.23". */
export function wrongLine({ result, index, shape, got, want }: Wrong): string {
  const size = shape.reduce((a, b) => a * b, 1);
  return `${place(result, shape, index)} (element ${index} of ${size}) is ${number(got)}, it should be ${number(want)}`;
}

/**
 * The products that add up to the element, the largest first, each with the places of its factors; and the one that is
 * missing or counted twice, if one alone explains what was got.
 */
export function termLines(wrong: Wrong, products: Products, a: Float32Array, b: Float32Array): string[] {
  const terms: { text: string; value: number }[] = [];
  products.each(wrong.index, (p, q) => {
    const left = `${place(products.a.name, products.a.shape, p)} ${number(a[p]!)}`;
    const right = `${place(products.b.name, products.b.shape, q)} ${number(b[q]!)}`;
    terms.push({ text: `${left} · ${right} = ${digitsOf(a[p]! * b[q]!)}`, value: a[p]! * b[q]! });
  });
  const off = wrong.got - wrong.want;
  const near = (v: number): boolean => Math.abs(v) > 1e-6 && Math.abs(v - off) < 1e-4 * Math.abs(off);
  const missing = terms.find(({ value }) => near(-value));
  const twice = terms.find(({ value }) => near(value));
  const shown = terms.toSorted((x, y) => Math.abs(y.value) - Math.abs(x.value)).slice(0, MOST_TERMS);
  return [
    `  it is the sum of ${terms.length} products${shown.length < terms.length ? `, of which the largest ${shown.length}` : ""}:`,
    ...shown.map(({ text }) => `    ${text}`),
    ...(missing ? [`  what was got lacks one of them: ${missing.text}`] : []),
    ...(twice ? [`  what was got has one of them twice: ${twice.text}`] : []),
  ];
}

const digitsOf = (v: number): string => (v < 0 ? `−${digits(-v)}` : digits(v));
