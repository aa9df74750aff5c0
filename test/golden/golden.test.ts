import { suite } from "uvu";
import * as assert from "uvu/assert";
import { device } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { type GoldenFile, parseGolden } from "./comparison.ts";
import { checkGolden } from "./run.ts";

const test = suite("golden");

/** Files of test/fixtures and how many tensors each holds to be checked: a check that skips some is found out. */
const FIXTURES: readonly (readonly [name: string, tensors: number])[] = [
  ["ops", 112],
  ["losses", 61],
  ["adam", 6],
  ["patchgan_ndf4", 13],
  ["vgg19_taps_w4", 5],
  ["tiramisu_f4g2_masks", 88],
];

for (const [name, tensors] of FIXTURES) {
  test(`${name} agrees with PyTorch`, async () => {
    const c = await checkGolden(
      name,
      async () => parseGolden(name, await environment().readFile(`test/fixtures/${name}.safetensors`)),
      await device(),
    );
    assert.equal(c.failures, []);
    assert.equal(c.skipped, []);
    assert.is(c.checked, tensors);
  });
}

test("what rounding may move excuses no gradient that is wrong by a thousandth, and no mask that is another", async () => {
  const load = async (): Promise<GoldenFile> =>
    parseGolden("tiramisu_f4g2_masks", await environment().readFile("test/fixtures/tiramisu_f4g2_masks.safetensors"));
  const good = await load();
  const name = "grad/finalConv.weight";
  const wrong = {
    ...good,
    tensors: new Map(
      [...good.tensors].map(([k, t]) => [k, k === name ? { ...t, data: t.data.map((v) => 1.001 * v) } : t]),
    ),
  };
  const c = await checkGolden(good.name, async () => wrong, await device());
  assert.is(c.failures.length, 1);
  assert.match(c.failures[0]!, new RegExp(`^${name}: relative error 1.0e-3`));
  const other = {
    ...good,
    tensors: new Map(
      [...good.tensors].map(([k, t]) => [
        k,
        k.startsWith("mask/transDownBlocks.0") ? { ...t, data: t.data.map((v) => 1.25 - v) } : t,
      ]),
    ),
  };
  assert.ok((await checkGolden(good.name, async () => other, await device())).failures.length > 20);
});

test.run();
