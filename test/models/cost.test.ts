// What a forward pass costs, by layers that attach their derivatives.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { avgPool2d, gelu, input, stopGradient } from "../../engine/index.ts";
import { costOf } from "../../models/cost.ts";

const test = suite("cost");

test("an average pool is a layer, and what stands before a pass is counted", () => {
  const image = input("image", [1, 4, 4, 2]);
  const pooled = avgPool2d(image, { kernel: 2 });
  const bytes = 4 * 2 * 2 * 2;
  assert.equal(costOf([pooled]), { macs: 0, activationBytes: bytes, layers: 0 });
  assert.equal(costOf([stopGradient(pooled)]), { macs: 0, activationBytes: bytes, layers: 0 });
  assert.is(costOf([gelu(pooled)]).activationBytes, bytes);
});

test.run();
