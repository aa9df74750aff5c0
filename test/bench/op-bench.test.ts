// The bench of one op: kernels by name, texts of one's own, what is wrong and what does not compile.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { asked } from "../../bench/cases/asked.ts";
import { Operands } from "../../bench/cases/operands.ts";
import { errorLines } from "../../bench/cases/variant.ts";
import { place, termLines } from "../../bench/cases/wrong.ts";
import { OpBench, type OpRequest } from "../../bench/op-bench.ts";
import { sayVerdict } from "../../bench/watch.ts";
import direct from "../../kernels/conv2d/conv2d-direct.wgsl";
import { environment } from "../helpers/environment.ts";

const test = suite("bench of an op");
const conv: OpRequest = { op: "conv2d", sizes: { shape: [1, 7, 9, 3], filter: [3, 3, 3, 5] } };
const short = { seconds: 0.01 };
const rowsOf = async (request: OpRequest) => {
  using bench = await OpBench.open((await environment().gpu()).gpu, request, short);
  return await bench.rows();
};
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "it was not refused",
    (error: Error) => error.message,
  );

test("every tile of a kernel that was named, checked, the first of them held against", async () => {
  const rows = await rowsOf({ ...conv, kernel: "conv2d-direct" });
  assert.equal(new Set(rows.map(({ name }) => name)), new Set(["conv2d-direct KT=4", "conv2d-direct KT=1"]));
  assert.is(rows[0].against, undefined);
  for (const { ms, wrong, checked, flops } of rows) {
    assert.is(wrong, undefined);
    assert.ok(ms!.median > 0);
    assert.match(checked!, /^off by \d\.\de-\d+ of the largest at most: y\[\d+, \d+, \d+, \d+\] at \d/);
    assert.is(flops, 2 * 7 * 9 * 9 * 3 * 5);
  }
  assert.ok(["same", "faster", "slower", "noisy"].includes(rows[1].against!.verdict));
});

test("a text of one's own that is right, and one that is wrong: its first wrong element and the products", async () => {
  const [shipped, own] = await rowsOf({ ...conv, variant: { file: "conv2d-direct.wgsl", text: direct } });
  assert.match(shipped.name, /^conv2d-direct KT=\d$/);
  assert.match(own.name, /^conv2d-direct \(yours\) KT=\d$/);
  assert.is(own.wrong, undefined);
  const text = direct
    .replace(/fn epilogue\(v : F, i : u32\) -> F \{ return v; \}/, "$&\n")
    .replace(/r < params\.r;/g, "r + 1u < params.r;");
  assert.is.not(text, `${direct}\n`);
  const [, off] = await rowsOf({ ...conv, variant: { file: "conv2d-direct.wgsl", text } });
  assert.is(off.ms, undefined);
  assert.match(off.wrong!, /^at 1x9x7x3: y\[0, 0, 0, 0\] \(element 0 of \d+\) is \S+, it should be \S+\n/);
  assert.match(off.wrong!, /it is the sum of 12 products:\n {4}x\[0, \d, \d, \d\] \S+ · w\[\d, \d, \d, 0\] \S+ = \S+/);
});

test("a text that compiles alone, but not with what is fused into it", async () => {
  const text = direct.replace(/^alias U .*$/m, "");
  assert.is.not(text, direct);
  const message = await refusal(rowsOf({ ...conv, variant: { file: "my.wgsl", text }, kernel: "conv2d-direct" }));
  assert.match(message, /^my\.wgsl, in what is fused into it: .*\n {2}fn relu_/);
});

test("what --watch says of a text: an error, a wrong element, or that it is right and then its time", async () => {
  const request = { ...conv, variant: { file: "my.wgsl", text: direct }, kernel: "conv2d-direct" };
  using bench = await OpBench.open((await environment().gpu()).gpu, request, short);
  const saidOf = async (text: string): Promise<string[]> => {
    const said: string[] = [];
    await sayVerdict(bench, text, (line) => void said.push(line.replace(/^\d\d:\d\d:\d\d {2}/, "")));
    return said;
  };
  const [right, time, ...more] = await saidOf(direct);
  assert.match(right!, /^right: off by \S+ of the largest at most: y\[.*\] at \S+$/);
  assert.match(time!, /^\S+ ms {2}\d\.\d\d× \[.*\] (same|faster|slower|noisy)$/);
  assert.equal(more, []);
  const [wrong, ...rest] = await saidOf(direct.replace(/r < params\.r;/g, "r + 1u < params.r;"));
  assert.match(wrong!, /^WRONG\n {2}at 1x9x7x3: y\[0, 0, 0, 0\]/);
  assert.equal(rest, []);
  assert.match((await saidOf(direct.replace("params.c", "params.nothing"))).join(), /^my\.wgsl:\d+:\d+: /);
});

test("what does not compile is told by the file's own line, with a caret, whatever seams rewrite before it", async () => {
  const lines = direct.split("\n");
  const at = lines.findIndex((line) => /let .*= params\.c/.test(line));
  const column = lines[at].indexOf("params.c") + 1;
  lines[at] = lines[at].replace("params.c", "params.nothing");
  const message = await refusal(
    rowsOf({ ...conv, variant: { file: "my.wgsl", text: lines.join("\n") }, kernel: "conv2d-direct" }),
  );
  const [where, line, caret] = message.split("\n");
  assert.ok(where.startsWith(`my.wgsl:${at + 1}:${column}: `), where);
  assert.is(line, `  ${lines[at]}`);
  assert.match(caret, new RegExp(`^ {${column + 1}}\\^+$`));
});

test("an error in what was generated says so", () =>
  assert.match(errorLines("my.wgsl", { message: "no", column: 3, length: 2, code: "a bc" })[0], /in what is fused/));

test("kernels that are unknown or can't do the shape, tunables that nothing has, sizes that do not fit", async () => {
  assert.match(
    await refusal(rowsOf({ ...conv, kernel: "conv9d" })),
    /^--kernel conv9d: conv2d .* chooses from .*conv2d-direct/,
  );
  assert.match(
    await refusal(rowsOf({ ...conv, kernel: "conv2d-direct-vec4" })),
    /^conv2d-direct-vec4 can't do conv2d .*; what can: .*conv2d-direct/,
  );
  assert.match(
    await refusal(rowsOf({ ...conv, tunables: { XY: 2 } })),
    /^--set XY: what would run here, .*, has no such tunable/,
  );
  assert.throws(() => asked("conv2d", { shape: [1, 7, 9, 4], filter: [3, 3, 3, 5] }), /takes 3 channels .* has 4/);
  assert.throws(() => asked("conv2d", { shape: [1, 7, 9, 4] }), /conv2d needs --filter RxSxCxK/);
  assert.throws(() => asked("conv2d", { shape: [7, 9, 4] }), /conv2d takes NxHxWxC, 4 sizes/);
  assert.throws(() => asked("matmul", { shape: [7, 9], filter: [8, 4] }), /K = 9.*K = 8/);
});

for (const [op, sizes] of Object.entries({
  "conv2d-weight-grad": { shape: [1, 5, 6, 4], filter: [3, 3, 4, 4] },
  "batch-norm-grad": { shape: [1, 5, 6, 4] },
  sum: { shape: [3, 5, 4], axes: [0, 2] },
  adam: { shape: [64] },
}))
  test(`${op}: what runs here is right at small shapes and at the one that was asked for`, async () => {
    using bench = await OpBench.open((await environment().gpu()).gpu, { op, sizes }, short);
    const first = { ...(await bench.one()).checked, bytes: 4 * bench.asked.pass.elements };
    assert.is(first.wrong, undefined);
    assert.ok(first.off < 1e-5 && first.bytes > 0, first.checked);
  });

test("a product that is missing or counted twice is named", () => {
  const { pass } = asked("conv2d", { shape: [1, 4, 4, 1], filter: [3, 3, 1, 1] });
  const { data } = new Operands(pass);
  const products = pass.products!.y;
  const [a, b] = [data("x", products.a.shape), data("w", products.b.shape)];
  const want = pass.spots(data).y(5);
  const term = a[0] * b[0];
  const told = (got: number): string =>
    termLines({ result: "y", index: 5, shape: [1, 4, 4, 1], got, want }, products, a, b).join("\n");
  assert.match(told(want - term), /lacks one of them: x\[0, 0, 0, 0\] .* w\[0, 0, 0, 0\]/);
  assert.match(told(want + term), /has one of them twice: x\[0, 0, 0, 0\]/);
  assert.not.match(told(want + 40), /lacks|twice/);
  assert.is(place("y", [2, 3, 4], 23), "y[1, 2, 3]");
});

test.run();
