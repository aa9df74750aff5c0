// One call's errors are that call's: a failed one leaves nothing to the next, and calls under way at once stay apart.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CmedlError,
  type Device,
  GpuValidationError,
  OutOfMemoryError,
  ShaderCompileError,
  Variable,
  add,
  input,
  mul,
  sum,
} from "../../engine/index.ts";
import { openDevice, tensor } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";
import { Allocations } from "../soak/faulty-device.ts";

const test = suite("error scopes");

let device: Device;
test.before(async () => {
  device = await openDevice();
});
test.after(() => device.dispose());

test("a compile that fails leaves nothing to the next one", async () => {
  const d = await openDevice();
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

test("a compile with a kernel that is refused ends when no other is being compiled", async () => {
  const d = await openDevice();
  const compile = d.gpu.pipeline.bind(d.gpu);
  let [asked, ended] = [0, 0];
  d.gpu.pipeline = async (...kernel) => {
    if (++asked === 1) throw new ShaderCompileError("kernel first does not compile");
    const made = await compile(...kernel);
    await new Promise((resolve) => setTimeout(resolve, 20));
    ended++;
    return made;
  };
  await refused(() => d.compile(({ x }) => ({ y: mul(x!, 3), z: sum(x!) }), { x: [2] }), /^kernel first/, CmedlError);
  assert.ok(asked > 1);
  assert.is(ended, asked - 1);
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

test("a copy that is refused is an error, and no zeros", async () => {
  const buffer = device.gpu.createBuffer(16, GPUBufferUsage.COPY_SRC, "gone");
  device.gpu.destroy(buffer);
  await refused(() => device.gpu.readBuffer(buffer, 0, 16), /^reading back: /, GpuValidationError);
  assert.equal(Array.from(await device.evaluate(add(tensor([1]), 1))), [2]);
});

test("a run that was refused leaves the next ones as they were", async () => {
  using program = await device.compile(({ x }) => ({ y: mul(x!, 3) }), { x: [2] });
  const replay = program.opened().replays[0] as { bindGroup: GPUBindGroup };
  const { bindGroup } = replay;
  const raw = device.gpu.device;
  for (let n = 0; n < 4; n++) {
    replay.bindGroup = raw.createBindGroup({ layout: raw.createBindGroupLayout({ entries: [] }), entries: [] });
    program.run({ x: [1, 2] });
    await refused(() => program.read(), /^program: /, GpuValidationError);
    replay.bindGroup = bindGroup;
    program.run({ x: [1, n] });
    assert.equal(Array.from((await program.read()).y), [3, 3 * n]);
  }
});

test("of reads under way at once, the one that finds no memory says so, and leaves nothing behind", async () => {
  const d = await openDevice();
  const allocations = new Allocations(d);
  const held = [1, 2, 3].map((v) => new Variable([300], new Float32Array(300).fill(v), { name: `v${v}` }));
  using program = await d.compile(() => ({ y: add(add(held[0]!.value, held[1]!.value), held[2]!.value) }));
  program.run();
  await program.read();
  allocations.refuse(1);
  await refused(() => d.readAll(held), /^reading back: the GPU has no memory left/, OutOfMemoryError);
  allocations.refuse(-1);
  assert.equal(
    (await d.readAll(held)).map((values) => values[0]),
    [1, 2, 3],
  );
  program.dispose();
  d.dispose();
});

test.run();
