// FedProx's proximal term against its formula in f64.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Module, UsageError, Variable, add, mul, sum } from "../../engine/index.ts";
import { Adam, type AdamOptions } from "../../train/adam.ts";
import { stayNearStart } from "../../train/proximal.ts";
import { device, noise, worst } from "../helpers/device.ts";

const test = suite("proximal");

/** A network of two parameters and nothing else. */
class Pair extends Module {
  readonly a: Variable;
  readonly b: Variable;
  constructor(a: ArrayLike<number>, b: ArrayLike<number>) {
    super();
    this.a = new Variable([a.length], a, { name: "a" });
    this.b = new Variable([b.length], b, { name: "b" });
  }
  pytorchName(path: string): string {
    return path;
  }
}

const MU = 3;
const RATE = 0.05;
const cases: Readonly<Record<string, Partial<AdamOptions>>> = {
  "one step an update": {},
  "scaled losses": { scaled: true },
  "two steps an update": { accumulate: 2 },
};
for (const [name, options] of Object.entries(cases)) {
  test(`twelve steps equal Adam in f64 with μ (w − w₀) in the student's gradient alone: ${name}`, async () => {
    const d = await device();
    const start = [noise(7, 1), noise(70, 2), noise(5, 3)].map((x) => Array.from(x, Number));
    const student = new Pair(start[0]!, start[1]!);
    const teacher = new Variable([5], start[2]!, { name: "teacher" });
    const adam = new Adam([...student.parameters(), teacher], { rate: RATE, name: "S", ...options });
    stayNearStart({ kind: "test", networks: { SC: student }, optimizers: [adam] }, MU);
    using p = await d.compile(
      () => {
        const loss = add(add(sum(student.a.value), sum(mul(2, student.b.value))), sum(mul(3, teacher.value)));
        adam.minimize(loss);
        return { loss };
      },
      {},
      { mode: "train" },
    );
    for (let i = 0; i < 12; i++) {
      p.run();
      await p.read();
    }
    const updates = 12 / (options.accumulate ?? 1);
    for (const [k, variable] of [student.a, student.b, teacher].entries()) {
      const want = start[k]!.map((w0) => {
        let [w, m, v] = [w0, 0, 0];
        for (let t = 1; t <= updates; t++) {
          const g = k + 1 + (k < 2 ? MU * (w - w0) : 0);
          m = 0.5 * m + 0.5 * g;
          v = 0.999 * v + 0.001 * g * g;
          w -= ((RATE / (1 - 0.5 ** t)) * m) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
        }
        return w;
      });
      assert.ok(worst(await d.read(variable), want) < 1e-5, variable.name);
    }
    assert.equal(
      adam.state.map((s) => s.name).filter((n) => n.endsWith("start")),
      ["S.start"],
    );
  });
}

test("a regime without a student is refused", () => {
  const pair = new Pair([1], [2]);
  const adam = new Adam(pair.parameters(), { rate: 1 });
  assert.throws(
    () => stayNearStart({ kind: "other", networks: { G: pair }, optimizers: [adam] }, 1),
    (e: unknown) => e instanceof UsageError && /other trains no student SC or S/.test(e.message),
  );
});

test.run();
