// One call's errors are that call's: a failed one leaves nothing to the next, and calls under way at once stay apart.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CmedlError, Device, GpuValidationError, add, input, mul } from "../../engine/index.ts";
import { tensor } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("error scopes");

let device: Device;
const opened = async (): Promise<Device> => {
  const { traits } = environment();
  return Device.open((await environment().gpu()).gpu, { traits });
};
test.before(async () => {
  device = await opened();
});
test.after(() => device.dispose());

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

test.run();
