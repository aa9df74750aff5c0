// Whether one of two is called slower: on times made up from a seed, as quiet and as loaded machines give them.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { contest } from "../../lab/measure/contest.ts";
import type { Rounds } from "../../lab/measure/rounds.ts";
import { LEAST_ROUNDS, pairedRatio, verdictOf } from "../../lab/measure/verdict.ts";

const test = suite("bench verdict");

/** In [0, 1), from a seed: mulberry32. */
function randomOf(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** How a machine disturbs work: the factor of sample number i. */
type Load = (random: () => number, i: number) => number;
const LOADS: Readonly<Record<string, Load>> = {
  quiet: (r) => 1 + 0.02 * r(),
  "a core that others share half of the time": (r) => (r() < 0.5 ? 1 : 1.7) * (1 + 0.05 * r()),
  "a clock that slows down to half": (r, i) => (1 + i / 400) * (1 + 0.03 * r()),
  "waits of many times the work now and then": (r) => (r() < 0.1 ? 2 + 20 * r() : 1) * (1 + 0.05 * r()),
};

/** Rounds of works that take so many milliseconds on a machine with such a load. */
function simulated(ms: readonly number[], load: Load, random: () => number): Rounds {
  let i = 0;
  return { clock: "wall", round: async (order) => order.map((w) => ms[w] * load(random, i++)) };
}

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);
for (const [name, load] of Object.entries(LOADS)) {
  const verdicts = (now: number): Promise<string[]> =>
    Promise.all(
      SEEDS.map(async (seed) => {
        const random = randomOf(seed);
        const [, second] = await contest(simulated([10, now], load, random), 2, { seconds: 2, random });
        return second.against!.verdict;
      }),
    );
  test(`${name}: the same is the same in 20 of 20, a tenth more is slower, a tenth less faster`, async () => {
    assert.equal(new Set(await verdicts(10)), new Set(["same"]));
    assert.equal(new Set(await verdicts(11)), new Set(["slower"]));
    assert.equal(new Set(await verdicts(9)), new Set(["faster"]));
  });
}

test("the interval of exact ratios is the ratio, and too few rounds give none", () => {
  const before = Array.from({ length: 30 }, (_, i) => 5 + i);
  const { ratio, low, high } = pairedRatio(
    before,
    before.map((v) => 1.25 * v),
  );
  for (const v of [ratio, low, high]) assert.ok(Math.abs(v - 1.25) < 1e-12);
  const few = pairedRatio(before.slice(0, LEAST_ROUNDS - 1), before.slice(0, LEAST_ROUNDS - 1));
  assert.equal([few.low, few.high], [0, Infinity]);
  assert.is(verdictOf(few), "noisy");
});

test("a verdict needs the whole interval", () => {
  assert.is(verdictOf({ ratio: 1.1, low: 1.04, high: 1.2 }), "slower");
  assert.is(verdictOf({ ratio: 1.1, low: 1.01, high: 1.2 }), "noisy");
  assert.is(verdictOf({ ratio: 0.9, low: 0.8, high: 0.95 }), "faster");
  assert.is(verdictOf({ ratio: 1.01, low: 0.98, high: 1.04 }), "same");
  assert.is(verdictOf({ ratio: 1.0, low: 0.9, high: 1.1 }), "noisy");
});

test("what can't be decided is noisy when the time is up, with an interval", async () => {
  const random = randomOf(1);
  const wild: Load = (r) => Math.exp(4 * r() - 2);
  const [first, second] = await contest(simulated([10, 10], wild, random), 2, { seconds: 0.05, random });
  assert.ok(first.ms.samples >= LEAST_ROUNDS);
  assert.is(second.against!.verdict, "noisy");
  assert.ok(second.against!.high > 1.1 * second.against!.low);
});

test.run();
