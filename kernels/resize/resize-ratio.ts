// What the resize kernels take: source coordinates along each axis as ratios of whole numbers.

/** x [N, H, W, C] → y [N, P, Q, C]; see `ratio` for the others. */
export type ResizeProblem = {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly p: number;
  readonly q: number;
  readonly mulY: number;
  readonly addY: number;
  readonly denY: number;
  readonly mulX: number;
  readonly addX: number;
  readonly denX: number;
};

/** Elements of x and of y. */
export const inputs = (p: ResizeProblem): number => p.n * p.h * p.w * p.c;
export const outputs = (p: ResizeProblem): number => p.n * p.p * p.q * p.c;

const gcd = (a: number, b: number): number => (b === 0 ? Math.abs(a) : gcd(b, a % b));

/** Output o of `outs` stands at max(o·mul + add, 0) / den among `size` elements, in lowest terms. */
export function ratio(
  size: number,
  outs: number,
  mode: "nearest" | "half-pixel" | "align-corners",
): { mul: number; add: number; den: number } {
  const [mul, add, den] =
    mode === "nearest"
      ? [size, 0, outs]
      : mode === "half-pixel"
        ? [2 * size, size - outs, 2 * outs] // ((o + ½)·size/outs − ½)
        : [size - 1, 0, Math.max(outs - 1, 1)];
  const g = gcd(gcd(mul, add), den);
  return { mul: mul / g, add: add / g, den: den / g };
}
