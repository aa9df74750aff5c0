import { suite } from "uvu";
import * as assert from "uvu/assert";
import { addOverlap, dice, diceOf, meanDice, overlap } from "../../metrics/dice.ts";

const test = suite("dice");

test("DSC = 2 |A ∩ B| / (|A| + |B|)", () => {
  assert.is(dice([1, 1, 0, 0], [1, 0, 1, 0]), 0.5);
  assert.is(dice([1, 2, 0], [7, 1, 0]), 1);
  assert.is(dice([1, 0], [0, 1]), 0);
  assert.is(dice(Uint8Array.of(1, 1, 1, 0), Float32Array.of(1, 1, 0, 0)), 0.8);
});

test("two empty masks score 1 or are undefined, one empty mask scores 0", () => {
  assert.is(dice([0, 0], [0, 0]), 1);
  assert.ok(Number.isNaN(dice([0, 0], [0, 0], "undefined")));
  assert.is(dice([0, 0], [1, 0]), 0);
  assert.is(dice([0, 1], [0, 0], "undefined"), 0);
});

test("a volume scored slice by slice is scored by summed counts", () => {
  const sum = addOverlap(overlap([1, 1], [1, 0]), overlap([0, 0], [1, 1]));
  assert.equal(sum, { both: 1, a: 2, b: 3 });
  assert.is(diceOf(sum), 0.4);
});

test("a mean leaves undefined cases out", () => {
  assert.is(meanDice([1, NaN, 0.5]), 0.75);
  assert.ok(Number.isNaN(meanDice([NaN])));
});

test("masks of different length are refused", () => assert.throws(() => dice([1], [1, 0]), RangeError));

test.run();
