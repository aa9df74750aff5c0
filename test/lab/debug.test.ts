// dbg prints from kernels, indices out of range are told by kernel and line, and the first number that is not finite by
// stage and element.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { add, concat, conv2d, grad, log, maxPool2d, mul, relu, sum } from "../../engine/index.ts";
import type { Device } from "../../engine/run/device.ts";
import { map } from "../../kernels/map/map.ts";
import { type Kernel, defineKernel, specialize } from "../../kernels/kernel.ts";
import { dbgCalls, instrument } from "../../lab/debug/instrument.ts";
import { outOfRange, printed } from "../../lab/debug/log.ts";
import { firstNotFiniteStage, notFiniteText } from "../../lab/debug/not-finite.ts";
import { openDevice } from "../helpers/device.ts";

const test = suite("lab debug");

/** What `work` gives while a kernel has another text. */
async function withText<T>(kernel: Kernel, edit: (source: string) => string, work: () => Promise<T>): Promise<T> {
  const before = { ...kernel };
  Object.assign(kernel, defineKernel(kernel.name, { ...before, source: edit(kernel.source) }));
  try {
    return await work();
  } finally {
    Object.assign(kernel, before);
  }
}

const doubled = (device: Device) => device.compile(({ x }) => ({ y: mul(x, 2) }), { x: [5] }, { name: "doubled" });
const MAIN = "  if (i < params.n) { y[place(i)] = value(i); }";
const MAIN_LINE = map.source.split("\n").indexOf(MAIN) + 1;

test("dbg prints values of any type with its id, line and invocation; runs as usual have none of it", async () => {
  using device = await openDevice();
  const edit = (source: string): string =>
    source.replace(
      MAIN,
      `${MAIN}\n  if (i < params.n) {\n  dbg(1, value(i) * 0.5);\n  dbg(2, i);\n  dbg(3, vec3<i32>(-1, 2, i32(i)));\n  dbg(4, i > 2u);\n  }`,
    );
  await withText(map, edit, async () => {
    using program = await doubled(device);
    program.run({ x: [1, 2, 3, 4, 5] });
    assert.equal([...(await program.read()).y], [2, 4, 6, 8, 10], "calls are dropped where nobody reads them");
    const { records, dropped, skipped } = await printed(program, { x: [1, 2, 3, 4, 5] });
    assert.equal([records.length, dropped, skipped], [20, 0, []]);
    const of = (id: number) =>
      records
        .filter((r) => r.id === id)
        .sort((a, b) => a.invocation[0] - b.invocation[0])
        .map((r) => r.value);
    assert.equal(of(1), [[1], [2], [3], [4], [5]]);
    assert.equal(of(2), [[0], [1], [2], [3], [4]]);
    assert.equal(of(3)[4], [-1, 2, 4]);
    assert.equal(of(4).flat(), [false, false, false, true, true]);
    assert.equal([...new Set(records.map((r) => r.type))].sort(), ["bool", "f32", "u32", "vec3<i32>"]);
    const first = records.find((r) => r.id === 1)!;
    assert.equal([first.kernel, first.origin], ["map", { kind: "file", line: MAIN_LINE + 2 }]);
    assert.equal([...(await program.read()).y], [2, 4, 6, 8, 10], "and the program is as it was");
    const few = await printed(program, { x: [1, 2, 3, 4, 5] }, { most: 3 });
    assert.equal([few.records.length, few.dropped], [3, 17]);
  });
});

test("an index out of range is told by kernel, line, array and length, and read or written nowhere", async () => {
  using device = await openDevice();
  const x = [1, 2, 3, 4, 5];
  using sound = await doubled(device);
  assert.equal((await outOfRange(sound, { x })).records, []);
  const edit = (source: string): string => source.replace(MAIN, MAIN.replace("place(i)]", "place(i) + 3u]"));
  await withText(map, edit, async () => {
    using program = await doubled(device);
    const { records } = await outOfRange(program, { x });
    const found = records.map(({ kernel, array, index, length, origin }) => [kernel, array, index, length, origin]);
    const at = { kind: "file", line: MAIN_LINE };
    assert.equal(
      found.sort((a, b) => Number(a[2]) - Number(b[2])),
      [5, 6, 7].map((index) => ["map", "y", index, 5, at]),
    );
  });
});

test("kernels of a layer and its gradients read and write within their tensors", async () => {
  using device = await openDevice();
  using program = await device.compile(
    ({ x, w }) => {
      const y = maxPool2d(relu(conv2d(x, w, { pad: 1 })), { kernel: 2 });
      const [dx, dw] = grad(sum(mul(y, y)), [x, w]);
      return { y, dx, dw };
    },
    { x: [1, 6, 6, 3], w: [3, 3, 3, 5] },
    { name: "layer" },
  );
  const wave = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i));
  const { records, skipped } = await outOfRange(program, { x: wave(108), w: wave(135) });
  assert.equal([records, skipped], [[], []]);
});

test("the first stage that leaves NaN is named, with element and count; parts of a joined tensor are looked at alone", async () => {
  using device = await openDevice();
  using program = await device.compile(
    ({ x, w }) => {
      const y = relu(conv2d(x, w, { pad: 1 }));
      const z = log(add(conv2d(y, w, { pad: 1 }), 1));
      return { joined: concat([y, z], 3) };
    },
    { x: [1, 6, 6, 4], w: [3, 3, 4, 4] },
    { name: "trap" },
  );
  const x = new Float32Array(144).fill(1);
  const w = new Float32Array(144).fill(0.01);
  assert.is(await firstNotFiniteStage(program, { x, w }), undefined);
  const negative = w.map((v, i) => (i % 4 === 2 ? -50 : v));
  const found = await firstNotFiniteStage(program, { x: x.map((v, i) => (i === 143 ? v : -v)), w: negative });
  assert.ok(found, "nothing was found");
  assert.ok(found.stage !== undefined && found.count > 0 && found.index.length === 4);
  assert.match(notFiniteText(found), /numbers that are not finite, first at \[0, \d, \d, \d\]; written by stage \d+, /);
  const input = await firstNotFiniteStage(program, { x: x.map((v, i) => (i === 7 ? NaN : v)), w });
  assert.equal([input?.what, input?.stage, input?.index, input?.count], ["input x", undefined, [0, 0, 1, 3], 1]);
});

test("a call of dbg is a line of its own; others are dropped; a text without any has no log", () => {
  assert.equal(dbgCalls("a\n  dbg(3, vec2<f32>(x, y)); // why\n"), [{ line: 2, id: "3", value: "vec2<f32>(x, y)" }]);
  assert.is(specialize("a;\n  dbg(3, x);\nb;", {}), "a;\n\nb;");
  assert.is(specialize("a;\n  dbg(3, x);\nb;", { dbg: true }), "a;\n  dbg(3, x);\nb;");
  assert.is(instrument("@compute @workgroup_size(1) fn main() {}", { dbg: new Map() }), undefined);
});

test.run();
