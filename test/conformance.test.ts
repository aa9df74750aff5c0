// The conformance runner on a suite of ten cases whose numbers can be checked by hand.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../engine/index.ts";
import { halfTolerance, withoutHalf } from "./conformance/half.ts";
import { closing, knownOps, runSuite } from "./conformance/run.ts";
import { type Case, Suite, compare } from "./conformance/suite.ts";
import { markdownTable, table, toleranceText } from "./conformance/table.ts";
import { environment } from "./helpers/environment.ts";
import { roomyDevice } from "./helpers/out-of-range.ts";

const test = suite("conformance");
const folder = "test/fixtures/conformance-mini";
const load = (): Promise<Suite> => Suite.load((path) => environment().readFile(`${folder}/${path}`));
const open = async (): Promise<Device> => Device.open((await environment().gpu()).gpu);

test("every op that the suite's own table names has an adapter", () => {
  for (const op of [
    "abs",
    "conv2d",
    "max_pool2d",
    "gather_axis",
    "cross_entropy",
    "adam_steps",
    "grid_sample",
    "reduce_prod",
    "pad",
  ])
    assert.ok(knownOps.includes(op), op);
});

test("outputs, gradients and generated values of a right engine pass, an unknown op is skipped", async () => {
  const report = await runSuite(await load(), open);
  assert.equal(
    report.ops.flatMap((r) => r.failures),
    [],
  );
  assert.is(closing(report), "9 passed, 0 failed, 1 skipped");
  assert.match(table(report), /conv2d +1 +0 +0 /);
  assert.match(markdownTable(report), /\| reduce_max \| 1 \| .* \| 0 \| own \|/);
});

test("with bounds the same cases pass: no kernel's index leaves its tensors", async () => {
  const report = await runSuite(await load(), async () => (await roomyDevice()).device, { bounds: true });
  assert.is(closing(report), "9 passed, 0 failed, 1 skipped");
});

test("the canary: results that are off by 1 % fail", async () => {
  const lines: string[] = [];
  const report = await runSuite(await load(), open, { perturb: true, print: (line) => lines.push(line) });
  // Infinity · 1.01 is Infinity, but relu's 3 is not 3.03.
  assert.is(closing(report), "0 passed, 9 failed, 1 skipped");
  const add = lines.find((l) => l.startsWith("FAIL add mini/add"));
  assert.match(add!, /y: 6 of 6 wrong, the worst at \d: .*, expected .* × tolerance/);
  assert.match(add!, /da: /);
  assert.match(lines.find((l) => l.includes("mini/generated"))!, /of 3 wrong, the worst at (0|150|299):/);
});

test("in half precision the same cases pass, at f16's tolerances, and perturbed they fail; without shader-f16 they are counted as skipped", async () => {
  using d = await open();
  const half = await runSuite(await load(), open, { half: true });
  const off = await runSuite(await load(), open, { half: true, perturb: true });
  if (!d.gpu.traits.f16) {
    assert.is(closing(half), "0 passed, 0 failed, 10 skipped");
    assert.equal(Object.fromEntries(half.reasons), { "no adapter for the op": 1, "the device has no shader-f16": 9 });
    return;
  }
  assert.equal(
    half.ops.flatMap((r) => r.failures),
    [],
  );
  assert.is(half.failed, 0);
  assert.is(half.passed + half.skipped, 10);
  assert.is(off.failed, half.passed);
});

test("f16 tolerances: the suite's own and a rounding, more where a gradient reads what was rounded", () => {
  const tol = { rtol: 1e-5, atol: 1e-6 };
  const eps = 2 ** -11;
  const tiny = 2 ** -25;
  assert.equal(halfTolerance("relu", { exact: true }, [1], []), { exact: true });
  assert.equal(halfTolerance("conv2d", tol, [3, -5], []), { rtol: 1e-5 + eps, atol: 1e-6 + tiny });
  assert.equal(halfTolerance("tanh", tol, [3, -5], [[7]]), { rtol: 1e-5 + 2 * eps, atol: 1e-6 + 14 * eps + tiny });
  const [add] = new Suite([{ id: "a", src: "own", op: "add", attrs: {}, inputs: {}, outputs: {} }], new Map()).cases;
  assert.is(withoutHalf(add, [[65504, NaN, Infinity]]), undefined);
  assert.match(withoutHalf(add, [[1], [-65505]])!, /beyond/);
  assert.match(withoutHalf(add, [])!, /no float/);
  assert.match(withoutHalf({ ...add, op: "adam_steps" }, [[1]])!, /optimizers/);
});

test("cases are chosen by op or by a part of their id", async () => {
  assert.is(closing(await runSuite(await load(), open, { only: ["relu"] })), "2 passed, 0 failed, 0 skipped");
  assert.is(
    closing(await runSuite(await load(), open, { only: ["mini/conv", "gt"] })),
    "2 passed, 0 failed, 0 skipped",
  );
});

test("a sampled output must have the hash of all its values", async () => {
  const given = await load();
  const ref = given.cases.find((c) => c.id === "mini/generated")!.outputs.y;
  const x = given.values(given.cases.find((c) => c.id === "mini/generated")!.inputs.x);
  const y = Float32Array.from(x.data, (v) => Math.max(v, 0));
  assert.is(given.check(ref, { shape: x.shape, data: y }).message, undefined);
  y[1] += 1;
  assert.match(given.check(ref, { shape: x.shape, data: y }).message!, /hash of all values/);
});

test("an engine that throws fails the case and the run goes on", async () => {
  const { cases } = await load();
  const broken = await load();
  const [add] = cases;
  Object.assign(broken, {
    cases: [
      {
        ...add,
        inputs: { a: add.inputs.a, b: { gen: { kind: "lcg", seed: 1, lo: 0, hi: 1 }, shape: [4], dtype: "f32" } },
      },
      cases[1],
    ],
  });
  const report = await runSuite(broken, open);
  assert.is(closing(report), "1 passed, 1 failed, 0 skipped");
  assert.match(report.ops[0].failures[0], /ShapeError: add: shapes \[2, 3\] and \[4\] do not broadcast/);
});

test("a scalar is a line of one element where an op runs along an axis", async () => {
  const stored = (key: string) => ({ file: "own", key, shape: [], dtype: "f32" as const });
  const ops: readonly (readonly [op: string, y: "two" | "one" | "zero", attrs?: object])[] = [
    ["softmax", "one"],
    ["log_softmax", "zero"],
    ["cumsum", "two"],
    ["normalize", "one", { p: 2, eps: 1e-12 }],
    ["cosine_similarity", "one", { eps: 1e-8 }],
    ["reduce_mean", "two", { axes: [0], keepdims: true }],
  ];
  const cases = ops.map(
    ([op, y, attrs]): Case => ({
      id: op,
      src: "own",
      op,
      attrs: { axis: 0, ...attrs },
      inputs: op === "cosine_similarity" ? { a: stored("two"), b: stored("two") } : { x: stored("two") },
      outputs: { y: { ...stored(y), tol: { rtol: 1e-6, atol: 0 } } },
    }),
  );
  const values = { two: [2], one: [1], zero: [0] };
  const report = await runSuite(new Suite(cases, new Map([["own", new Map(Object.entries(values))]])), open);
  assert.equal(
    report.ops.flatMap((r) => r.failures),
    [],
  );
});

test("NaN wants NaN, infinity itself, the rest atol + rtol·|want|", () => {
  const tol = { rtol: 0.1, atol: 1 };
  assert.is(compare([NaN, Infinity, 111], [NaN, Infinity, 100], tol).message, undefined);
  assert.is(compare([0], [-0], { exact: true }).message, undefined);
  for (const [got, want] of [
    [0, NaN],
    [NaN, 0],
    [1e38, Infinity],
    [-Infinity, Infinity],
    [112, 100],
  ])
    assert.ok(compare([got], [want], tol).message, `${got} for ${want}`);
  assert.ok(compare([1 + 1e-7], [1], { exact: true }).message);
  assert.ok(Math.abs(compare([105.5], [100], tol).worst - 0.5) < 1e-12);
});

test("a table names an op's widest tolerance", () => {
  assert.is(toleranceText([{ exact: true }]), "exact");
  assert.is(
    toleranceText([{ exact: true }, { rtol: 1e-5, atol: 2e-6 }, { rtol: 3e-5, atol: 1e-7 }]),
    "3·10^-5 rel, 2·10^-6 abs",
  );
});

test("another schema is refused", async () => {
  try {
    await Suite.load(async () => new TextEncoder().encode('{"schema":"conformance/2"}'));
    assert.unreachable();
  } catch (error) {
    assert.match(String(error), /"conformance\/2".*"conformance\/1"/);
  }
});

test.run();
