import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelRows } from "../../cli/models.ts";

const test = suite("cmedl models");

/** Parameters, GMAC and MB of layer outputs at 256 × 256, as measured on the reference classes. */
const MEASURED: Readonly<Record<string, readonly [parameters: number, gmac: number, mb: number]>> = {
  unet: [13_394_177, 30.8, 376],
  "dense-fcn": [1_374_001, 11.5, 988],
  // The reference doubles features four times by a function, which its count of layers leaves out: 31 MB.
  mrrn: [38_916_385, 41.1, 732 + 31],
  "resnet-generator": [11_365_633, 48.7, 451],
  "patch-discriminator": [2_762_689, 3.1, 24],
  "drit-content-encoder": [9_005_568, 43.9, 442],
  "drit-style-encoder": [2_684_064, 8.4, 123],
  "drit-generator": [9_564_386, 23.2, 206],
  "drit-discriminator": [8_265_027, 2.1, 31],
};

test("parameters, GMAC and activations agree with those of the reference classes", () => {
  const rows = new Map(modelRows(256).map((r) => [r.name, r]));
  for (const [name, [parameters, gmac, mb]] of Object.entries(MEASURED)) {
    const row = rows.get(name)!;
    assert.is(row.parameters, parameters, name);
    assert.ok(Math.abs(row.gmac - gmac) < 0.1, `${name}: ${row.gmac} GMAC, not ${gmac}`);
    assert.ok(Math.abs(row.activationMB - mb) < 1, `${name}: ${row.activationMB} MB, not ${mb}`);
  }
  assert.is(rows.get("vgg19")!.parameters, 3_505_728);
  assert.ok(Math.abs(rows.get("vgg19")!.gmac - 15.8) < 0.1);
});

test("costs grow with the area; a code too small for the content discriminator costs nothing", () => {
  const [small, large] = [64, 128].map((n) => new Map(modelRows(n).map((r) => [r.name, r])));
  assert.ok(Math.abs(large.get("unet")!.gmac / small.get("unet")!.gmac - 4) < 1e-6);
  assert.is(small.get("drit-content-discriminator")!.gmac, 0);
});

test.run();
