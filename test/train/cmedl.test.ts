import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Module, Tensor } from "../../engine/index.ts";
import { UNet } from "../../models/unet.ts";
import { StudentOnly } from "../../train/regimes/student-only.ts";
import { CycleTranslator } from "../../train/translators/cycle.ts";
import type { Batch, Regime } from "../../train/regime.ts";
import { device, noise } from "../helpers/device.ts";
import { SIZE, tinyCmedl } from "../helpers/tiny-cmedl.ts";

const test = suite("cmedl");

const shape = [2, SIZE, SIZE, 1];
const shapes = { xC: shape, yC: shape, xM: shape, yM: shape };
const mask = (seed: number): Float32Array => noise(2 * SIZE * SIZE, seed).map((v) => Number(v > 0.5));
const batch = { xC: noise(2 * SIZE * SIZE, 1), yC: mask(2), xM: noise(2 * SIZE * SIZE, 3), yM: mask(4) };

/** Names of the losses that a step with these weights gives, all of them finite. */
async function lossesOf(
  cmedl: Regime,
  f: (batch: Batch) => Record<string, Tensor> = cmedl.steps[0]!,
): Promise<string[]> {
  using program = await (await device()).compile(f, shapes, { mode: "train" });
  program.run(batch);
  const losses = await program.read();
  for (const [name, v] of Object.entries(losses)) assert.ok(Number.isFinite(v[0]), name);
  return Object.keys(losses);
}

test("a step gives every loss by name", async () => {
  assert.equal(await lossesOf(tinyCmedl()), [
    "advM",
    "advC",
    "cycC",
    "cycM",
    "cx",
    "hintG",
    "segPMG",
    "lossG",
    "lossDM",
    "lossDC",
    "diceCT",
    "dicePM",
    "diceRM",
    "hintS",
    "lossS",
  ]);
});

test("a term of weight 0 is not computed", async () => {
  const names = await lossesOf(tinyCmedl({ weights: { cx: 0, hint: 0, cyc: 0 } }));
  for (const name of ["cx", "hintG", "hintS", "cycC", "cycM"]) assert.not(names.includes(name), name);
  const unjudged = await lossesOf(tinyCmedl({ weights: { adv: 0 } }));
  for (const name of ["advM", "lossDM", "lossDC"]) assert.not(unjudged.includes(name), name);
  assert.ok((await lossesOf(tinyCmedl({ weights: { identity: 5 } }))).includes("idM"));
});

test("weights that leave nothing to minimize are refused", async () => {
  const cmedl = tinyCmedl({ weights: { seg: 0, hint: 0 } });
  try {
    await lossesOf(cmedl);
    assert.unreachable();
  } catch (error) {
    assert.match(
      (error as Error).message,
      /every term of lossS has weight 0; give one of diceCT, dicePM, diceRM, dicePC, hintS a weight/,
    );
  }
});

/** Which networks' trained parameters a step moved. */
async function movedBy(cmedl: Regime, f: (batch: Batch) => Record<string, Tensor>): Promise<string[]> {
  const d = await device();
  const networks: Record<string, Module> = cmedl.networks;
  const before = Object.entries(networks).map(
    ([name, n]) => [name, n.parameters(), n.parameters().map((p) => Float32Array.from(p.initialData()))] as const,
  );
  await lossesOf(cmedl, f);
  const moved: string[] = [];
  for (const [name, parameters, values] of before) {
    const now = await d.readAll(parameters);
    if (now.some((v, i) => v.some((u, k) => u !== values[i]![k]))) moved.push(name);
  }
  return moved;
}

test("each phase moves its own networks only", async () => {
  const g = tinyCmedl();
  assert.equal(
    await movedBy(g, (b) => {
      const { total } = g.translator.translation(b, (pM) => g.tie(b, pM));
      g.translator.optimize.G.minimize(total);
      return { loss: total };
    }),
    ["GCM", "GMC"],
  );
  const c = tinyCmedl();
  assert.equal(
    await movedBy(c, (b) => {
      const { lossDM, lossDC } = c.translator.discrimination(b, c.translator.toM(b.xC), c.translator.toC(b.xM));
      c.translator.optimize.D.minimize(lossDM);
      return { lossDM, lossDC };
    }),
    ["DM"],
  );
  const s = tinyCmedl();
  assert.equal(
    await movedBy(s, (b) => {
      const { total } = s.distillation(b, s.translator.toM(b.xC));
      s.optimize.S.minimize(total);
      return { loss: total };
    }),
    ["SC", "SM"],
  );
  const all = tinyCmedl();
  assert.equal(await movedBy(all, (b) => all.step(b)), ["GCM", "GMC", "DM", "DC", "SC", "SM"]);
});

test("a step is one submit, and makes nothing new after its first run", async () => {
  const d = await device();
  const cmedl = tinyCmedl();
  using program = await d.compile((b: Batch) => cmedl.step(b), shapes, { mode: "train" });
  program.run(batch);
  await program.read();
  const { totalSubmits: submits, buffers, bindGroups, pipelines } = d.counters;
  for (let i = 0; i < 5; i++) program.run(batch);
  await program.read();
  assert.equal(
    { ...d.counters, totalSubmits: 0, bytes: 0, peakBytes: 0 },
    { ...d.counters, buffers, bindGroups, pipelines, totalSubmits: 0, bytes: 0, peakBytes: 0 },
  );
  assert.is(d.counters.totalSubmits, submits + 5);
});

test("the CT-only baseline starts from CMEDL's student", () => {
  const values = (m: Module): [string, number[]][] =>
    [...m.variables("SC")].map(([path, v]) => [path, Array.from(v.initialData())]);
  const cmedl = tinyCmedl({ seed: 9 });
  assert.equal(values(new StudentOnly({ seed: 9, segmentor: () => new UNet({ width: 2 }) }).SC), values(cmedl.SC));
  assert.not.equal(values(cmedl.SC), values(cmedl.SM));
});

test("the CT-only baseline lowers its Dice loss", async () => {
  const baseline = new StudentOnly({ seed: 9, segmentor: () => new UNet({ width: 4, depth: 2 }), rate: 1e-2 });
  using program = await (await device()).compile(
    (b: Pick<Batch, "xC" | "yC">) => baseline.step(b),
    { xC: shape, yC: shape },
    { mode: "train" },
  );
  const run = async (): Promise<number> => {
    program.run({ xC: batch.yC.map((v) => 2 * v - 1), yC: batch.yC });
    return (await program.read()).diceCT![0]!;
  };
  const first = await run();
  for (let i = 0; i < 60; i++) await run();
  const last = await run();
  assert.ok(last < 0.5 * first, `${first} fell to ${last}`);
});

test("images that would not come back at their size are refused", () => {
  assert.throws(() => new CycleTranslator({ image: [30, 32] }), /images of 30 × 32 do not come back .* multiples of 4/);
});

test.run();
