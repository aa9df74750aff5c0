// What callers without types get wrong is told at once, in a sentence, and typed; one call's errors are that call's.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CmedlError,
  Device,
  DeviceLostError,
  GpuValidationError,
  ShapeError,
  type Tensor,
  UsageError,
  Variable,
  add,
  autocast,
  cast,
  conv2d,
  full,
  gridSample,
  hostInput,
  input,
  mean,
  mul,
  pad,
  resize,
} from "../../engine/index.ts";
import * as losses from "../../losses/index.ts";
import { UNet } from "../../models/index.ts";
import { tensor } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("usage");

let device: Device;
const opened = async (): Promise<Device> => {
  const { traits } = environment();
  return Device.open((await environment().gpu()).gpu, { traits });
};
test.before(async () => {
  device = await opened();
});
test.after(() => device.dispose());

/** Any value, as a caller without types would give it. */
// biome-ignore lint/suspicious/noExplicitAny: what is tested is a caller without types
const untyped = (value: unknown): any => value;

async function refused(
  call: () => unknown,
  message: RegExp,
  Class: abstract new (...args: never) => CmedlError = UsageError,
): Promise<void> {
  let error: unknown;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error !== undefined, `nothing was thrown where ${message} should be`);
  assert.instance(error, Class);
  assert.match((error as Error).message, message);
}

test("a device is opened on WebGPU alone", async () => {
  for (const source of [undefined, null, "gpu", 7, {}])
    await refused(
      () => Device.open(untyped(source)),
      /^Device\.open takes navigator\.gpu, a GPUAdapter or a GPUDevice, got /,
    );
});

test("a function to compile is one that gives tensors by name", async () => {
  const shape = { x: [2] };
  await refused(
    () =>
      device.compile(
        untyped(async () => ({})),
        shape,
      ),
    /^program: the function is async; /,
  );
  await refused(
    () =>
      device.compile(
        untyped(async () => Promise.reject(new Error("later"))),
        shape,
      ),
    /is async/,
  );
  await refused(
    () => device.compile(untyped(tensor([1])), {}),
    /^program: compile takes a function .*, got a tensor, /,
  );
  await refused(() => device.compile(untyped(undefined), {}), /compile takes a function .*, got undefined$/);
  await refused(
    () =>
      device.compile(
        untyped(({ x }: { x: Tensor }) => x),
        shape,
      ),
    /gave a tensor, .*return them by name/,
  );
  await refused(
    () =>
      device.compile(
        untyped(() => undefined),
        shape,
      ),
    /gave undefined where tensors by name/,
  );
  await refused(
    () =>
      device.compile(
        untyped(() => ({ y: [1, 2] })),
        shape,
      ),
    /output "y" is numbers, not a tensor/,
  );
  const v = new Variable([1], [1], { name: "v" });
  await refused(
    () =>
      device.compile(
        untyped(() => ({ v })),
        {},
      ),
    /output "v" is a variable, .*take its value/,
  );
  await refused(() => device.evaluate(untyped(v)), /^evaluate takes a tensor.*got a variable/);
  await refused(() => device.evaluate(untyped(undefined)), /^evaluate takes a tensor.*got undefined/);
  await refused(
    () =>
      device.estimate(
        untyped(async () => ({})),
        shape,
      ),
    /is async/,
  );
});

test("operands are tensors", async () => {
  const v = new Variable([2], [1, 2]);
  await refused(() => add(untyped(v), 1), /^add: an operand is a variable, not a tensor/);
  await refused(() => mul(tensor([1]), untyped([1, 2])), /^mul: an operand is numbers, not a tensor/);
  await refused(() => mul(tensor([1]), untyped("2")), /^mul: an operand is a string, not a tensor/);
  await refused(() => mean(untyped(v)), /is a variable, not a tensor/);
});

test("a tensor lives in the function in which it was made", async () => {
  let leaked: Tensor | undefined;
  using first = await device.compile(
    ({ x }) => {
      leaked = mul(x!, 2);
      return { y: leaked };
    },
    { x: [2] },
    { name: "first" },
  );
  first.run({ x: [1, 2] });
  const again = (): unknown => device.compile(({ x }) => ({ y: add(x!, leaked!) }), { x: [2] }, { name: "second" });
  await refused(again, /^second: (input|mul) f32\[2\] was made in the function of another program/);
  await refused(() => device.evaluate(leaked!), /was made in the function of another program/);
  const v = new Variable([2], [1, 2], { name: "v" });
  using assigning = await device.compile(() => {
    v.assign(add(v.value, 1));
    leaked = v.value;
    return {};
  });
  assigning.run();
  await refused(() => device.evaluate(leaked!), /was made in the function of another program/);
  await refused(() => device.evaluate(input("x", [2])), /input "x" \[2\] is none of this program's/);
  const made = hostInput("host", [1], () => [3]);
  assert.equal(Array.from(await device.evaluate(made)), [3]);
});

test("inputs have shapes and dtypes that are some", async () => {
  const same = ({ x }: { x: Tensor }) => ({ x });
  const wrong = (spec: unknown) => () => device.compile(same, { x: untyped(spec) });
  await refused(
    wrong({ shape: [2], dtype: "float32" }),
    /^input: dtype is "float32"; it must be "f32", .* or "bool"$/,
    ShapeError,
  );
  await refused(wrong([2, -1]), /^input: \[2, -1\] is no shape/, ShapeError);
  await refused(wrong({ shape: undefined, dtype: "f32" }), /^input: undefined is no shape/, ShapeError);
  await refused(wrong(2), /^program: input "x" is 2; give its shape/);
  await refused(wrong(undefined), /^program: input "x" is undefined; give its shape/);
  using program = await device.compile(same, { x: untyped({ shape: [2] }) });
  program.run({ x: [1, 2] });
  assert.equal(Array.from((await program.read()).x), [1, 2]);
});

test("words that are none are refused where they are given", async () => {
  const image = (): Tensor => input("image", [1, 4, 4, 2]);
  const w = (): Tensor => input("w", [3, 3, 2, 2]);
  const wrong: Record<string, () => unknown> = {
    dtype: () => full([2], 1, untyped("float")),
    "cast: dtype": () => cast(tensor([1]), untyped("int32")),
    "Variable: dtype": () => new Variable([1], [1], { dtype: untyped("f64") }),
    "autocast: dtype": () => autocast(untyped("fp16"), () => 1),
    padMode: () => conv2d(image(), w(), { padMode: untyped("mirror") }),
    "resize: mode": () => resize(image(), [8, 8], { mode: untyped("bicubic") }),
    "gridSample: mode": () => gridSample(image(), input("g", [1, 4, 4, 2]), { mode: untyped("linear") }),
    "gridSample: padding": () => gridSample(image(), input("g", [1, 4, 4, 2]), { padding: untyped("zero") }),
    mode: () =>
      pad(
        image(),
        [
          [1, 1],
          [1, 1],
          [0, 0],
          [0, 0],
        ].map((p) => p as [number, number]),
        { mode: untyped("zero") },
      ),
    reduction: () => losses.mseLoss(tensor([1]), tensor([1]), { reduction: untyped("average") }),
    "hint: norm": () => losses.hint([tensor([1])], [tensor([1])], untyped("l2")),
    kind: () => losses.adversarial({ forward: (x) => x }, tensor([1]), untyped("wgan")),
    distance: () => losses.contextualSimilarity(image(), image(), { distance: untyped("l1") }),
    best: () => losses.contextualSimilarity(image(), image(), { best: untyped("both") }),
    "UNet: hints": () => new UNet({ width: 2, hints: untyped("all") }),
  };
  for (const [what, call] of Object.entries(wrong))
    await refused(call, new RegExp(`${what} is "?\\w+"?; `), ShapeError);
  await refused(() => device.compile(() => ({}), {}, { mode: untyped("eval") }), /mode is "eval"; /, ShapeError);
});

test("a program that was disposed says so, whatever is asked of it", async () => {
  const program = await device.compile(({ x }) => ({ y: mul(x!, 2) }), { x: [2] }, { name: "gone" });
  program.run({ x: [1, 2] });
  program.dispose();
  program.dispose();
  for (const use of [
    () => program.run({ x: [1, 2] }),
    () => program.read(),
    () => program.readEarlier(1),
    () => program.ready(),
    () => program.profile({ x: [1, 2] }),
    () => program.tune(),
  ])
    await refused(use, /^program gone was disposed/);
});

test("what is being read when its program is disposed comes, or is refused with the reason", async () => {
  for (const size of [2, 5000]) {
    for (const wait of [0, 1, 2, 5]) {
      const program = await device.compile(({ x }) => ({ y: mul(x!, 2), z: add(x!, 1) }), { x: [size] });
      program.run({ x: new Float32Array(size).fill(1) });
      const reading = program.read().then(
        ({ y }) => y[0],
        (error: unknown) => error,
      );
      for (let i = 0; i < wait; i++) await Promise.resolve();
      program.dispose();
      const found = await reading;
      if (found !== 2) {
        assert.instance(found, UsageError);
        assert.match((found as Error).message, /was disposed/);
      }
      assert.equal(Array.from(await device.evaluate(add(tensor([1]), 1))), [2]);
    }
  }
});

test("a device that was disposed says so, and what was being read too", async () => {
  const d = await opened();
  const v = new Variable([2], [1, 2]);
  const program = await d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [2] });
  program.run({ x: [1, 2] });
  const reading = program.read().then(
    () => undefined,
    (error: unknown) => error,
  );
  d.dispose();
  const error = await reading;
  if (error !== undefined) {
    assert.instance(error, UsageError);
    assert.match((error as Error).message, /was disposed/);
  }
  for (const use of [
    () => d.read(v),
    () => d.write(v, [1, 2]),
    () => d.compile(() => ({})),
    () => d.evaluate(tensor([1])),
    () => program.run({ x: [1, 2] }),
    () => program.read(),
  ])
    await refused(use, /was disposed/);
});

test("what is asked of a lost device is refused as lost", async () => {
  const d = await opened();
  const v = new Variable([2], [1, 2]);
  const program = await d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [2] });
  program.run({ x: [1, 2] });
  await program.read();
  d.gpu.device.destroy();
  await d.gpu.device.lost;
  await Promise.resolve();
  for (const use of [
    () => d.write(v, [1, 2]),
    () => d.read(v),
    () => program.run({ x: [1, 2] }),
    () => d.compile(({ x }) => ({ y: add(x!, 3) }), { x: [3] }),
    () => d.evaluate(add(tensor([1]), 4)),
  ])
    await refused(use, /lost/, DeviceLostError);
  d.dispose();
});

test("a compile that fails leaves nothing to the next one", async () => {
  const d = await opened();
  const before = { ...d.counters };
  const layout = { entries: [{ binding: 0, visibility: 4, buffer: { type: "storage" as const } }] };
  const broken = d.gpu.pipeline("this is no WGSL", layout.entries, "broken");
  const good = d.compile(({ x }) => ({ y: mul(x!, 3) }), { x: [2] });
  await refused(() => broken, /^kernel broken does not compile at line 1: /, CmedlError);
  await refused(
    () => d.gpu.scoped("too little", () => d.gpu.device.createBuffer({ size: 16, usage: 0 })),
    /^too little: /,
    GpuValidationError,
  );
  using program = await good;
  program.run({ x: [1, 2] });
  assert.equal(Array.from((await program.read()).y), [3, 6]);
  await refused(() => d.compile(({ x }) => ({ y: add(x!, input("other", [2])) }), { x: [2] }), /./, CmedlError);
  assert.equal(Array.from(await d.evaluate(add(tensor([1]), 1))), [2]);
  program.dispose();
  assert.is(d.counters.bindGroups, before.bindGroups);
  d.dispose();
});

test("calls under way at once hear their own errors alone", async () => {
  const bad = (i: number): Promise<unknown> =>
    device.gpu.scoped(`bad ${i}`, () => device.gpu.device.createBuffer({ size: 16, usage: 0 }));
  const good = (i: number): Promise<number> => device.gpu.scoped(`good ${i}`, () => i);
  const found = await Promise.allSettled([bad(0), good(1), bad(2), good(3)]);
  assert.equal(
    found.map((f) => (f.status === "fulfilled" ? f.value : (f.reason as Error).message.slice(0, 5))),
    ["bad 0", 1, "bad 2", 3],
  );
});

test("live counts fall when a program, and to nothing when a device, is disposed", async () => {
  const d = await opened();
  const v = new Variable([3], [1, 2, 3]);
  const compiled = () => d.compile(({ x }) => ({ y: mul(x!, v.value) }), { x: [3] });
  const first = await compiled();
  const held = { ...d.counters };
  assert.ok(held.buffers > 0 && held.bytes > 0 && held.pipelines > 0 && held.bindGroups > 0);
  const second = await compiled();
  assert.ok(d.counters.bindGroups > held.bindGroups);
  second.dispose();
  assert.equal({ ...d.counters, peakBytes: 0 }, { ...held, peakBytes: 0 });
  first.run({ x: [1, 1, 1] });
  await first.read();
  const submits = d.counters.totalSubmits;
  assert.ok(submits > 0);
  d.dispose();
  const { peakBytes, totalSubmits, ...live } = d.counters;
  assert.equal(live, { buffers: 0, bytes: 0, pipelines: 0, bindGroups: 0 });
  assert.is(totalSubmits, submits);
  assert.ok(peakBytes > 0);
});

test.run();
