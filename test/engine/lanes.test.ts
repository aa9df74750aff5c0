// What invocations of a subgroup hand each other: from lane to lane where a workgroup is one, with the same bits.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, type TypedArray, grad, instanceNorm, mul, sum } from "../../engine/index.ts";
import type { PlannedDispatch } from "../../engine/plan/plan.ts";
import { bringLlvmpipe } from "../../engine/run/bring-llvmpipe.ts";
import { handsOn, throughLanes } from "../../engine/wgsl/lanes.ts";
import { allKernels } from "../../kernels/index.ts";
import type { Traits } from "../../kernels/kernel.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("lanes");
bringLlvmpipe(); // as openNodeGpu does: a page is without it

const open = async (traits: Partial<Traits>): Promise<Device> =>
  Device.open((await environment().gpu()).gpu, { traits });

test("kernels of norms and reductions that have workgroups of columns hand on, and no others", () => {
  const names = allKernels.filter((k) => handsOn(k.source)).map((k) => k.name);
  assert.equal(names.sort(), ["moments-then-map", "reduce-group", "sums-then-map"]);
});

test("a module of workgroups as large as a subgroup has no workgroup memory; lines stay; another is as it was", () => {
  const module = [
    "// Its header.",
    "const THREADS = 8u;",
    "var<workgroup> handedA : array<F, THREADS>;",
    "@compute @workgroup_size(THREADS)",
    "fn main(@builtin(local_invocation_index) t : u32) {",
    "  handedA[t] = F(t);",
    "  workgroupBarrier();",
    "  let a = handedA[t % wide[0]]; // handedA[t]",
    "}",
  ].join("\n");
  assert.equal(throughLanes(module, 8).split("\n"), [
    "enable subgroups; diagnostic(off, subgroup_uniformity); // Its header.",
    "const THREADS = 8u;",
    "var<private> handedA : F;",
    "@compute @workgroup_size(THREADS)",
    "fn main(@builtin(local_invocation_index) t : u32) {",
    "  handedA = F(t);",
    "  ",
    "  let a = subgroupShuffle(handedA, t % wide[0]); // handedA[t]",
    "}",
  ]);
  for (const lanes of [4, 16, 32]) assert.is(throughLanes(module, lanes), module);
  // One without a header, as it is packed, keeps its declarations at the beginnings of lines.
  const packed = module.split("\n").slice(1).join("\n");
  assert.is(throughLanes(packed, 8).split("\n")[1], "const THREADS = 8u;");
});

/** A norm, its gradient and their modules, of images of so many pixels a side. */
async function norms(
  traits: Partial<Traits>,
  side: number,
  channels: number,
): Promise<{ values: TypedArray[]; modules: string[] }> {
  using d = await open(traits);
  const shape = [2, side, side, channels];
  const n = 2 * side * side * channels;
  using p = await d.compile(
    ({ x, w }) => {
      const y = instanceNorm(x);
      return { y, dx: grad(sum(mul(y, w)), [x])[0]! };
    },
    { x: shape, w: shape },
  );
  const modules = p.opened().replays.map((r) => (r.dispatch as PlannedDispatch).code);
  p.run({ x: noise(n, 1), w: noise(n, 2) });
  const { y, dx } = await p.read();
  return { values: [y, dx], modules: modules.filter((code) => code.includes("handed")) };
}

test("norms have the same bits with barriers and without", async () => {
  using plain = await Device.open((await environment().gpu()).gpu);
  const { cpu, subgroups, lanes } = plain.gpu.traits;
  const isOctet = cpu && subgroups && lanes === 8;
  for (const [side, channels] of [
    [1, 4],
    [2, 64],
    [3, 5],
    [5, 12],
    [8, 32],
    [13, 3],
  ] as const) {
    const own = await norms({}, side, channels);
    const barriers = await norms({ lanes: 4 }, side, channels);
    const handOn = own.modules.filter((code) => code.includes("subgroupShuffle"));
    assert.is(handOn.length, isOctet ? own.modules.length : 0);
    assert.ok(barriers.modules.every((code) => code.includes("workgroupBarrier")));
    assert.is(barriers.modules.length, own.modules.length);
    own.values.forEach((v, i) => assert.equal(v, barriers.values[i], `${side} × ${side} × ${channels}, output ${i}`));
  }
});

test.run();
