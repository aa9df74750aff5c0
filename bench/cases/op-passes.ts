// Passes of ops that are no layers of the paper's networks by themselves: products, sums, elementwise, Adam's update,
// contextual similarity.
import { type Shape, adamStep, add, contextualMatch, matmul, mul, relu, sizeOf, sum } from "../../engine/index.ts";
import { ofRank } from "../../engine/shape.ts";
import { uniform } from "../measure/statistics.ts";
import type { Pass } from "./operands.ts";
import { type Visit, productSum } from "./spots.ts";

/** y […, M, N] = a […, M, K] · b [K, N]. */
export function matmulPass(a: Shape, b: Shape): Pass {
  const [k, n] = ofRank(b, 2);
  const rows = sizeOf(a) / k;
  const each = (i: number, visit: Visit): void => {
    const row = Math.floor(i / n);
    for (let l = 0; l < k; l++) visit(row * k + l, l * n + (i % n));
  };
  return {
    name: "matmul",
    elements: sizeOf(a) + sizeOf(b) + rows * n,
    flops: 2 * rows * n * k,
    build: (t) => ({ y: matmul(t("a", a), t("b", b)) }),
    spots: (d) => ({ y: (i) => productSum(d("a", a), d("b", b), i, each) }),
    products: { y: { a: { name: "a", shape: a }, b: { name: "b", shape: b }, each } },
  };
}

/** y = Σ x over the axes. */
export function sumPass(x: Shape, axes: readonly number[]): Pass {
  const outs = sizeOf(x.filter((_, d) => !axes.includes(d)));
  const totals = (data: Float32Array): Float64Array => {
    const y = new Float64Array(outs);
    const at = x.map(() => 0);
    for (const v of data) {
      y[at.reduce((i, c, d) => (axes.includes(d) ? i : i * x[d]! + c), 0)]! += v;
      for (let d = x.length - 1; d >= 0 && ++at[d]! === x[d]!; d--) at[d] = 0;
    }
    return y;
  };
  return {
    name: "sum",
    elements: sizeOf(x) + outs,
    flops: 0,
    build: (t) => ({ y: sum(t("x", x), axes) }),
    spots: (d) => {
      const y = totals(d("x", x));
      return { y: (i) => y[i]! };
    },
  };
}

/** y = max(x · scale + shift, 0), scale and shift [C] of the last axis. */
export function mapPass(x: Shape): Pass {
  const channels = [x.at(-1)!];
  return {
    name: "map",
    elements: 2 * sizeOf(x),
    flops: 0,
    build: (t) => ({ y: relu(add(mul(t("x", x), t("scale", channels)), t("shift", channels))) }),
    spots: (d) => {
      const [data, scale, shift] = [d("x", x), d("scale", channels), d("shift", channels)];
      return { y: (i) => Math.max(0, data[i]! * scale[i % channels[0]!]! + shift[i % channels[0]!]!) };
    },
  };
}

const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0 };
const RATE = 1e-3;
/** 1 − β₁ᵗ and 1 − β₂ᵗ at the third step, what the gradient is multiplied with, and 1: go. */
const CONTROL = [0.271, 0.002997001, 0.5, 1] as const;

/** One update of n parameters, a multiple of four. */
export function adamPass([n]: readonly [number]): Pass {
  const flat = [n];
  const { beta1, beta2, eps } = ADAM;
  const [first, second, scale] = CONTROL;
  return {
    name: "adam",
    elements: 7 * n,
    flops: 0,
    values: { rate: [RATE], control: CONTROL, v: uniform(n, 5).map(Math.abs) },
    inPlace: ["p", "m", "v"],
    build: (t) => {
      const state = [t("p", flat), t("m", flat), t("v", flat)];
      const [p, m, v] = adamStep(t("g", flat), t("rate", [1]), t("control", [4]), state, ADAM);
      return { p: p!, m: m!, v: v! };
    },
    spots: (d) => {
      const [p, m, v, g] = [d("p", flat), d("m", flat), d("v", flat), d("g", flat)];
      const moment = (i: number): number => beta1 * m[i]! + (1 - beta1) * scale * g[i]!;
      const spread = (i: number): number => beta2 * v[i]! + (1 - beta2) * (scale * g[i]!) ** 2;
      const step = (i: number): number => ((RATE / first) * moment(i)) / (Math.sqrt(spread(i) / second) + eps);
      return { p: (i) => p[i]! - step(i), m: moment, v: spread };
    },
  };
}

/** Of each point of y its largest similarity to one of x: x [N, S, C], y [N, S, C] → [N, S]. */
export function contextualPass(points: Shape): Pass {
  const [n, s, c] = ofRank(points, 3);
  const bandWidth = 0.5;
  const scale = 1 / c;
  const largest = (x: Float32Array, y: Float32Array): Float64Array => {
    const best = new Float64Array(n * s);
    const d = new Float64Array(s);
    for (let image = 0; image < n; image++)
      for (let i = 0; i < s; i++) {
        let least = Infinity;
        for (let j = 0; j < s; j++) {
          let dot = 0;
          for (let k = 0; k < c; k++) dot += x[(image * s + i) * c + k]! * y[(image * s + j) * c + k]!;
          d[j] = 1 - scale * dot;
          least = Math.min(least, d[j]!);
        }
        const w = d.map((v) => Math.exp((1 - v / (least + 1e-5)) / bandWidth));
        const all = w.reduce((a, b) => a + b, 0);
        for (let j = 0; j < s; j++) best[image * s + j] = Math.max(best[image * s + j]!, w[j]! / all);
      }
    return best;
  };
  return {
    name: "contextual",
    elements: 2 * sizeOf(points) + n * s,
    flops: 4 * n * s * s * c,
    build: (t) => ({ y: contextualMatch(t("x", points), t("y", points), { bandWidth, scale }) }),
    spots: (d) => {
      const best = largest(d("x", points), d("y", points));
      return { y: (i) => best[i]! };
    },
  };
}
