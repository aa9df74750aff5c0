import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelRows } from "../../cli/models.ts";
import { input } from "../../engine/index.ts";
import { StyleGenerator, costOf } from "../../models/index.ts";

const test = suite("cmedl models");

/** Parameters, GMAC and MB of layer outputs at 256 × 256, as measured on the reference classes. */
const MEASURED: Readonly<Record<string, readonly [parameters: number, gmac: string, mb: string]>> = {
  unet: [13_394_177, "30.8", "376"],
  "dense-fcn": [1_374_001, "11.5", "988"],
  mrrn: [38_916_385, "41.1", "732"],
  "resnet-generator": [11_365_633, "48.7", "451"],
  "patch-discriminator": [2_762_689, "3.1", "24"],
  vgg19: [3_505_728, "15.8", "69"],
  "drit-content-encoder": [9_005_568, "43.9", "442"],
  "drit-style-encoder": [2_684_064, "8.4", "123"],
  "drit-generator": [9_564_386, "23.2", "206"],
  "drit-discriminator": [8_265_027, "2.1", "31"],
};

test("parameters, GMAC and activations are those of the reference classes, to every digit printed", () => {
  const rows = new Map(modelRows(256).map((r) => [r.name, r]));
  for (const [name, measured] of Object.entries(MEASURED)) {
    const { parameters, gmac, activationMB } = rows.get(name)!;
    assert.equal([parameters, gmac.toFixed(1), activationMB.toFixed(0)], measured, name);
  }
});

test("multiply–adds are convolutions' and sums', and biases cost nothing", () => {
  const { macs } = costOf([
    new StyleGenerator().forward(input("content", [1, 64, 64, 256]), input("style", [1, 8]), "b"),
  ]);
  // Two 3×3 convolutions a residual block; the raisings; the head; then four residual sums and two layer norms' gains
  // and biases.
  const products = 64 ** 2 * 9 * (2 * 256 ** 2 + 6 * 264 ** 2 + 272 * 136) + 128 ** 2 * 9 * 144 * 72 + 256 ** 2 * 80;
  assert.is(macs, products + 64 ** 2 * (256 + 3 * 264) + 128 ** 2 * 136 + 256 ** 2 * 72);
});

test("costs grow with the area; images too small for a discriminator cost nothing", () => {
  const rowsAt = (n: number) => new Map(modelRows(n).map((r) => [r.name, r]));
  const small = rowsAt(64);
  const large = rowsAt(128);
  assert.ok(Math.abs(large.get("unet")!.gmac / small.get("unet")!.gmac - 4) < 1e-6);
  assert.is(small.get("drit-content-discriminator")!.gmac, 0);
  assert.is(modelRows(32).find((r) => r.name === "drit-discriminator")!.gmac, 0);
});

test.run();
