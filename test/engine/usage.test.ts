// What callers without types get wrong is told at once, in a sentence, and typed.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  Device,
  GpuUnavailableError,
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
import { openDevice, tensor } from "../helpers/device.ts";
import { refused as refusedAs } from "../helpers/refused.ts";

const test = suite("usage");

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

/** Any value, as a caller without types would give it. */
// biome-ignore lint/suspicious/noExplicitAny: what is tested is a caller without types
const untyped = (value: unknown): any => value;

const refused = (
  call: () => unknown,
  message: RegExp,
  Class: Parameters<typeof refusedAs>[2] = UsageError,
): Promise<void> => refusedAs(call, message, Class);

test("a device is opened on WebGPU alone", async () => {
  await refusedAs(() => Device.open(untyped(undefined)), /^no WebGPU: a page has none where /, GpuUnavailableError);
  for (const source of [null, "gpu", 7, {}])
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
  for (const [what, call] of Object.entries(wrong)) await refused(call, new RegExp(`${what} is "\\w+"; `), ShapeError);
  await refused(() => device.compile(() => ({}), {}, { mode: untyped("eval") }), /mode is "eval"; /, ShapeError);
});

test.run();
