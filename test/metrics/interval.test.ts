// Expected quantiles: scipy 1.17.1, scipy.stats.t.ppf((1 + level) / 2, freedom).
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { meanInterval, tBound } from "../../metrics/interval.ts";

const test = suite("intervals of means");
const close = (a: number, b: number, relative = 1e-10): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.abs(b), `${a} is not ${b}`);

test("the quantile of Student's t for odd and even degrees of freedom", () => {
  for (const [level, freedom, t] of [
    [0.95, 1, 12.706204736174694],
    [0.95, 2, 4.302652729749462],
    [0.95, 3, 3.1824463052837078],
    [0.95, 4, 2.7764451051977934],
    [0.95, 9, 2.262157162798205],
    [0.95, 10, 2.228138851986274],
    [0.99, 9, 3.249835541592126],
    [0.9, 30, 1.697260886593957],
    [0.95, 1000, 1.9623390808264083],
  ] as const)
    close(tBound(level, freedom), t);
  // One and two degrees have closed forms.
  close(tBound(0.9, 1), Math.tan(0.45 * Math.PI));
  close(tBound(0.9, 2), 0.9 * Math.sqrt(2 / (1 - 0.9 ** 2)));
});

test("mean ± t · s / √n of what is defined", () => {
  const { mean, low, high, n } = meanInterval([0.1, 0.3, NaN, 0.2, 0.4]);
  close(mean, 0.25);
  const reach = tBound(0.95, 3) * Math.sqrt(0.05 / 3 / 4);
  close(low, 0.25 - reach);
  close(high, 0.25 + reach);
  assert.is(n, 4);
});

test("equal values leave no width, and below two values there is no interval", () => {
  assert.equal(meanInterval([2, 2, 2]), { mean: 2, low: 2, high: 2, n: 3 });
  const one = meanInterval([0.5]);
  assert.is(one.mean, 0.5);
  assert.ok(Number.isNaN(one.low) && Number.isNaN(one.high));
  assert.ok(Number.isNaN(meanInterval([]).mean));
});

test.run();
