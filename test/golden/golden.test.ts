import { suite } from "uvu";
import * as assert from "uvu/assert";
import { device } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { parseGolden } from "./comparison.ts";
import { checkGolden } from "./run.ts";

const test = suite("golden");

/** Files of test/fixtures and how many tensors each holds to be checked: a check that skips some is found out. */
const FIXTURES: readonly (readonly [name: string, tensors: number])[] = [["ops", 112], ["losses", 61], ["adam", 6], ["patchgan_ndf4", 13], ["vgg19_taps_w4", 5]];

for (const [name, tensors] of FIXTURES) {
  test(`${name} agrees with PyTorch`, async () => {
    const c = await checkGolden(name, async () => parseGolden(name, await environment().readFile(`test/fixtures/${name}.safetensors`)), await device());
    assert.equal(c.failures, []);
    assert.equal(c.skipped, []);
    assert.is(c.checked, tensors);
  });
}

test.run();
