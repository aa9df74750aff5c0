// The features that a regime shows are those that its networks segment by, and those that distillation ties.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type Tensor } from "../../engine/index.ts";
import { HINT_LAYERS, type HintLevel, UNet } from "../../models/index.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { Cmedl } from "../../train/regimes/cmedl.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { noise, worst } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { SIZE } from "../helpers/tiny-cmedl.ts";

const test = suite("features of regimes");

const made = (preset: string, hints: HintLevel = "high") =>
  makeRegime(
    presetConfig(preset, {
      seed: 3,
      data: { size: SIZE, labels: null },
      networks: {
        segmentor: { kind: "unet", width: 4, hints },
        generator: { width: 2, blocks: 1 },
        discriminator: { width: 2, layers: 2 },
        features: { width: 2 },
        alpha: { width: 2 },
      },
    }),
  );
const images = noise(SIZE ** 2, 5);

/** What `f` makes of one image, in a regime of its own device. */
async function valuesOf(f: (x: Tensor) => Record<string, Tensor>): Promise<Record<string, ArrayLike<number>>> {
  using device = await Device.open((await environment().gpu()).gpu);
  using program = await device.compile<"x", string>(({ x }) => f(x), { x: [1, SIZE, SIZE, 1] });
  program.run({ x: images });
  return await program.read();
}

for (const preset of ["ct-only", "cmedl", "pmri-cycle", "weighted-ct+pmri", "mutual"]) {
  test(`the head makes the student's logits of its last features: ${preset}`, async () => {
    const regime = made(preset);
    const student = regime.networks[preset.includes("pmri") ? "S" : "SC"];
    assert.instance(student, UNet);
    const found = await valuesOf((x) => ({
      ofFeatures: (student as UNet).head.forward(regime.features!(x).student.at(-1)!),
      // Mutual's mask is that of both its segmentors.
      wanted: preset === "mutual" ? (student as UNet).forward(x).logits : regime.segment(x),
    }));
    assert.ok(worst(found.ofFeatures!, found.wanted!) < 1e-5);
  });
}

test("the teacher's are those of pseudo MR, and both are what the watch measures of distillation", async () => {
  const regime = made("cmedl");
  assert.instance(regime, Cmedl);
  const found = await valuesOf((x) => {
    const { student, teacher } = regime.features!(x);
    const measured = regime.measured!({ xC: x, yC: x, xM: x, yM: x });
    return Object.fromEntries(
      [0, 1].flatMap((i) => [
        [`student ${i}`, student[i]!],
        [`teacher ${i}`, teacher![i]!],
        [`measured student ${i}`, measured.student[i]!],
        [`measured teacher ${i}`, measured.teacher[i]!],
      ]),
    );
  });
  for (const name of ["student 0", "student 1", "teacher 0", "teacher 1"]) {
    assert.ok(worst(found[name]!, found[`measured ${name}`]!) < 1e-5, name);
    assert.ok(
      Array.from(found[name]!).some((v) => v !== 0),
      name,
    );
  }
});

test("each level of hints has a name for each of its layers", async () => {
  for (const hints of ["low", "mid", "high"] as const) {
    const regime = made("cmedl", hints);
    const found = await valuesOf((x) =>
      Object.fromEntries(regime.features!(x).student.map((feature, i) => [String(i), feature])),
    );
    assert.is(Object.keys(found).length, HINT_LAYERS[hints].length, hints);
  }
});

test.run();
