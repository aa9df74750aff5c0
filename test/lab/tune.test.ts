// Tuning: how candidates are searched, what may be chosen, that a device takes it, and that results stay what they
// were.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device } from "../../engine/run/device.ts";
import { type Tuned, choiceKey, tunedBy, tuningKey } from "../../engine/gpu/tuned.ts";
import { conv2d } from "../../engine/ops/conv.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { conv2dDirectQuad, conv2dKernels } from "../../kernels/conv2d/conv2d.ts";
import { winogradOutput } from "../../kernels/winograd/winograd.ts";
import type { ConvProblem } from "../../kernels/conv2d/conv2d-problem.ts";
import type { Kernel, Params } from "../../kernels/kernel.ts";
import { combinations } from "../../lab/choice.ts";
import { Recorder, simulate } from "../../lab/tune/recording.ts";
import { type Candidate, type Measure, type Strategy, type Timed, drawsOf, search } from "../../lab/tune/search.ts";
import { tune } from "../../lab/tune/tune.ts";
import { environment } from "../helpers/environment.ts";
import { noise, worst } from "../helpers/device.ts";

const test = suite("tuner");

const feeds = { x: noise(9 * 10 * 16, 1), w: noise(9 * 16 * 20, 2) };
const layer = ({ x, w }: { x: Tensor; w: Tensor }): { y: Tensor } => ({ y: conv2d(x, w, { pad: 1 }) });
const shapes = { x: [1, 9, 10, 16], w: [3, 3, 16, 20] } as const;

test("a race keeps a kernel of the list and values of its tunables; a device that takes them computes the same", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  if (!plain.gpu.timestamps) return;
  using program = await plain.compile(layer, shapes);
  const heard: string[] = [];
  const tuned = await tune(plain, program, { onTime: (label) => void heard.push(label) });
  assert.is(new Set(heard).size, 1);
  assert.match(heard[0]!, /^conv2d \[1, 9, 10, 16\] \[3, 3, 16, 20\] → \[1, 9, 10, 20\]$/);
  const kernels = Object.values(tuned).filter((v) => typeof v === "string");
  assert.is(kernels.length, 1);
  program.run(feeds);
  const { y: want } = await program.read();
  const list = [winogradOutput, ...conv2dKernels];
  const key = Object.keys(tuned).find((k) => tuned[k] === kernels[0])!;
  assert.match(key, / \| winograd-output,conv2d-\S+ [0-9a-f]{8} \| n1 /);
  const ran = new Set<string>();
  for (const { name } of list) {
    using device = await Device.open(gpu, { tuned: tunedBy(JSON.parse(JSON.stringify({ [key]: name }))) });
    using retuned = await device.compile(layer, shapes);
    retuned.run(feeds);
    assert.ok(worst((await retuned.read()).y, want) < 1e-5, name);
    for (const { kernel } of retuned.explain().dispatches) if (kernel === name) ran.add(name);
  }
  assert.ok(ran.has("winograd-output"), "what is preferred is taken wherever it can do the problem");
  assert.ok(ran.size > 2, "and what can't do it is passed over");
});

test("values of tunables that a device takes change its dispatches, not its results", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  using program = await plain.compile(layer, shapes);
  program.run(feeds);
  const { y: want } = await program.read();
  const { dispatch } = program.opened().replays[0]!;
  const key = tuningKey(plain.gpu, dispatch.kernel, dispatch.params, dispatch.aliases);
  const dispatches = new Set<string>();
  for (const choice of combinations(dispatch.kernel)) {
    using device = await Device.open(gpu, { tuned: tunedBy(JSON.parse(JSON.stringify({ [key]: choice }))) });
    using retuned = await device.compile(layer, shapes);
    retuned.run(feeds);
    assert.ok(worst((await retuned.read()).y, want) < 1e-5, `${dispatch.kernel.name} at ${JSON.stringify(choice)}`);
    dispatches.add(String(retuned.explain()));
  }
  assert.ok(dispatches.size > 1, "other values make other dispatches");
});

test("a shape class takes in sizes above 16 up to the next power of two; filters and strides stand as they are", () => {
  const [kernel, params] = [conv2dDirectQuad, { ...problem, c: 20 }];
  const key = keyOf(kernel, params);
  assert.is(keyOf(kernel, { ...params, c: 32 }), key);
  for (const other of [{ c: 33 }, { c: 16 }, { r: 4 }, { s: 4 }, { strideX: 2 }, { dilY: 2 }])
    assert.is.not(keyOf(kernel, { ...params, ...other }), key, JSON.stringify(other));
});

test("a key tells apart what is stored, how borders are padded, the kernel's text, the adapter and its driver", () => {
  const [kernel, params] = [conv2dDirectQuad, problem];
  const key = keyOf(kernel, params);
  assert.match(key, /^gpu, driver 1 \| conv2d-direct-quad [0-9a-f]{8} \| f32 REFLECT=false \| n1 /);
  assert.is.not(keyOf(kernel, { ...params, reflect: true }), key, "padding");
  assert.is.not(keyOf(kernel, params, { Elem4: "vec4<f16>" }), key, "half precision");
  assert.is.not(keyOf({ ...kernel, source: `${kernel.source} ` }, params), key, "the kernel's text");
  assert.is.not(keyOf(kernel, params, {}, "gpu, driver 2"), key, "the driver");
});

/** Every name that the convolutions' Params has. */
const problem: ConvProblem = {
  ...{ n: 1, h: 9, w: 10, c: 16, p: 9, q: 10, k: 16, r: 3, s: 3 },
  ...{ strideY: 1, strideX: 1, padTop: 1, padLeft: 1, dilY: 1, dilX: 1, groups: 1, periodY: 1, periodX: 1 },
  ...{ flip: false, reflect: false, half: false },
};

const keyOf = (
  kernel: Kernel,
  params: Params,
  aliases: Readonly<Record<string, string>> = {},
  adapterName = "gpu, driver 1",
): string => tuningKey({ adapterName, traits: { cpu: true, f16: true, subgroups: true } }, kernel, params, aliases);

test("a choice's key tells apart the list, the problem's class and the adapter", () => {
  const place = { adapterName: "gpu, driver 1", traits: { cpu: true, f16: true, subgroups: true } };
  const key = choiceKey(place, conv2dKernels, problem);
  assert.is(
    choiceKey(place, conv2dKernels, { ...problem, c: 20 }),
    choiceKey(place, conv2dKernels, { ...problem, c: 32 }),
  );
  assert.is.not(choiceKey(place, conv2dKernels.slice(1), problem), key);
  assert.is.not(choiceKey(place, conv2dKernels, { ...problem, half: true }), key);
  assert.is.not(choiceKey(place, conv2dKernels, { ...problem, c: 4 }), key);
  assert.is.not(choiceKey({ ...place, adapterName: "gpu, driver 2" }, conv2dKernels, problem), key);
});

test("each problem is heard of as soon as it is timed, and waited for; what was kept is not timed again", async () => {
  const { gpu } = await environment().gpu();
  using plain = await Device.open(gpu);
  if (!plain.gpu.timestamps) return;
  using program = await plain.compile(
    ({ x, w }) => ({ y: conv2d(x, w, { pad: 1 }), s: conv2d(x, w, { stride: 2 }) }),
    shapes,
  );
  const kept: Record<string, Tuned[string]> = {};
  const stop = tune(plain, program, {
    onFound: async ({ tuned }) => {
      await new Promise((done) => setTimeout(done, 1));
      Object.assign(kept, tuned);
      throw new Error("interrupted");
    },
  });
  await stop.then(
    () => assert.unreachable(),
    (e: Error) => assert.is(e.message, "interrupted"),
  );
  const first = Object.keys(kept).length;
  assert.ok(first === 1 || first === 2, "a kernel, and where it has tunables their values");
  const rest: string[] = [];
  const all = await tune(plain, program, { known: kept, onFound: ({ label }) => void rest.push(label) });
  assert.is(new Set(rest).size, rest.length);
  assert.not.ok(rest.includes("conv2d [1, 9, 10, 16] [3, 3, 16, 20] → [1, 9, 10, 20]"));
  assert.ok(Object.keys(all).length > first);
  const none: string[] = [];
  await tune(plain, program, { only: "matmul", onFound: ({ label }) => void none.push(label) });
  assert.equal(none, [], "only problems that are asked for");
});

/** Times of made-up candidates: kernel b is faster than a, but at T 2 and U 1 alone. */
const space: readonly Candidate[] = ["a", "b"].flatMap((kernel) =>
  [1, 2].flatMap((T) => [0, 1].map((U): Candidate => ({ kernel, consts: { T, U } }))),
);
const timeOf = ({ kernel, consts: { T, U } }: Candidate): number =>
  (kernel === "a" ? 100 : 95) - (T === 2 ? 20 : 0) - (U === 1 ? 5 : 0);
const standing = (times: readonly number[]): readonly Timed[] =>
  times.map((us) => ({ us, verdict: us < 0.97 * times[0]! ? "faster" : "same" }));
const measure: Measure = async (candidates) => standing(candidates.map(timeOf));
const by = (strategy: Strategy, trials = 3) => search(space, measure, { strategy, trials, random: drawsOf(1) });

test("grid finds the fastest of all, greedy along kernels and tunables, random among those that it drew", async () => {
  const fastest = { kernel: "b", consts: { T: 2, U: 1 } };
  assert.equal(await by("grid"), { best: fastest, timeUs: 70, beforeUs: 100, timed: 8 });
  assert.equal(await by("greedy"), { best: fastest, timeUs: 70, beforeUs: 100, timed: 4 });
  const drawn = (await by("random"))!;
  assert.is(drawn.timed, 3);
  assert.equal(await by("random"), drawn, "the same seed draws the same");
  assert.is((await by("random", 100))!.timed, 8);
});

test("what ships stays where the race of the two at the end does not call the other faster", async () => {
  const noisy: Measure = async (candidates, isLast) => standing(candidates.map((c) => (isLast ? 100 : timeOf(c))));
  const found = (await search(space, noisy, { strategy: "grid", trials: 3, random: drawsOf(1) }))!;
  assert.equal(found, { best: space[0], timeUs: 100, beforeUs: 100, timed: 8 });
  assert.is(await search(space.slice(0, 1), measure, { strategy: "grid", trials: 3, random: drawsOf(1) }), undefined);
});

test("searches are played over recorded times; one that asks for what was not timed is refused", async () => {
  const recorder = new Recorder("gpu");
  for (const c of space) for (const more of [0, 1, 50]) recorder.hear("conv2d", c, timeOf(c) + more);
  const played = await simulate(JSON.parse(JSON.stringify(recorder.recording)), { trials: 2 });
  assert.equal(
    played.map(({ strategy, timed, candidates }) => [strategy, timed, candidates]),
    [
      ["grid", 8, 8],
      ["random", 2, 8],
      ["greedy", 4, 8],
    ],
  );
  assert.is(played[0]!.ratio, 1);
  assert.is(played[2]!.worst, 1);
  const some = new Recorder("gpu");
  for (const c of space.filter(({ consts }) => consts.T === 1)) some.hear("conv2d", c, timeOf(c));
  assert.equal((await simulate(some.recording, { trials: 2 })).length, 3, "a smaller space is a space");
});

test.run();
