// Four steps of Adam from given gradients: p0, g1…, <variant>/p1….
import { type Device, Variable } from "../../engine/index.ts";
import { Adam, type AdamOptions } from "../../train/adam.ts";
import { type Comparison, type GoldenFile, under } from "./comparison.ts";

const VARIANTS: Readonly<Record<string, AdamOptions>> = {
  adam: { rate: 2e-4 },
  amsgrad: { rate: 2e-4, amsgrad: true },
  adam_wd: { rate: 1e-4, weightDecay: 1e-4 },
};
/** Of the parameters; and of their way from p0, which f32 rounds to about 1e-4 of its length. */
const PARAMETER = 1e-6;
const WAY = 1e-3;

export async function checkAdam(file: GoldenFile, device: Device, c: Comparison): Promise<void> {
  const p0 = file.tensors.get("p0")!;
  for (const variant of new Set(
    [...file.tensors.keys()].filter((k) => k.includes("/")).map((k) => k.slice(0, k.indexOf("/"))),
  )) {
    const options = VARIANTS[variant];
    if (!options) {
      c.skip(variant);
      continue;
    }
    await c.attempt(variant, async () => {
      const p = new Variable(p0.shape, p0.data, { name: variant });
      const adam = new Adam([p], { betas: [0.5, 0.999], ...options, name: variant });
      using step = await device.compile(
        ({ g }) => {
          adam.update([g]);
          return { p: p.value };
        },
        { g: p0.shape },
        { mode: "train" },
      );
      const wanted = [...under(file.tensors, `${variant}/p`)]
        .sort(([a], [b]) => Number(a) - Number(b))
        .map(([, x]) => x.data);
      // A file may hold the last result under every step's name: then only that can be compared.
      const onlyLast = wanted.length > 1 && wanted.every((w) => w.every((v, k) => v === wanted[0]![k]));
      for (const [i, want] of wanted.entries()) {
        step.run({ g: file.tensors.get(`g${i + 1}`)!.data });
        await step.read();
        if (onlyLast && i < wanted.length - 1) continue;
        const got = await device.read(p);
        c.check(`${variant}/p${i + 1}`, got, want, PARAMETER);
        c.check(
          `${variant}/p${i + 1} − p0`,
          Array.from(got, (v, k) => v - p0.data[k]!),
          Array.from(want, (v, k) => v - p0.data[k]!),
          WAY,
        );
      }
    });
  }
}
