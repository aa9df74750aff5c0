// A caller's GPUDevice, whose errors, handlers and life stay its own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Device, GpuUnavailableError, GpuValidationError, UsageError, mul } from "../../engine/index.ts";
import { environment } from "../helpers/environment.ts";
import { COPY_DST, COPY_SRC, bufferOf } from "../helpers/gpu-buffers.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("a lent device");

test("a device that was lent keeps its errors, its handlers and its life", async () => {
  const adapter = (await (await environment().gpu()).gpu.requestAdapter())!;
  const lent = await adapter.requestDevice();
  const heard: string[] = [];
  const handler = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    heard.push(event.error.message);
  };
  lent.onuncapturederror = handler;
  const own = await Device.open(lent);
  using program = await own.compile(({ x }) => ({ y: mul(x, 2) }), { x: [4] });
  assert.is(lent.onuncapturederror, handler);
  const settled = (): Promise<unknown> =>
    lent.queue.onSubmittedWorkDone().then(() => new Promise((r) => setTimeout(r, 20)));
  // An error of the caller's: theirs to hear, not ours to throw.
  lent.createBuffer({ size: 16, usage: 0xffff, label: "the caller's mistake" });
  await settled();
  assert.is(heard.length, 1);
  program.run({ x: [1, 2, 3, 4] });
  assert.equal([...(await program.read()).y], [2, 4, 6, 8]);
  // An error in a run of ours: ours to throw, not theirs to hear.
  const gone = bufferOf(lent, Float32Array.of(1, 2, 3, 4), COPY_SRC);
  gone.destroy();
  program.run({ x: gone });
  await refused(() => program.read(), /./, GpuValidationError);
  await settled();
  assert.is(heard.length, 1, heard.join("\n"));
  program.run({ x: [1, 1, 1, 1] });
  assert.equal([...(await program.read()).y], [2, 2, 2, 2]);
  let isLost = false;
  void lent.lost.then(() => (isLost = true));
  own.dispose();
  await settled();
  assert.not.ok(isLost);
  lent.pushErrorScope("validation");
  lent.createBuffer({ size: 16, usage: COPY_DST }).destroy();
  assert.is(await lent.popErrorScope(), null);
  lent.destroy();
});

test("without WebGPU, or an adapter, the error says so by its code", async () => {
  const none = { requestAdapter: async () => null } as unknown as GPU;
  for (const [source, message] of [
    [undefined, /no WebGPU: a page has none where/],
    [none, /no WebGPU adapter/],
  ] as const)
    await refused(Device.open(source as unknown as GPU), message, GpuUnavailableError);
  await refused(Device.open({} as GPU), /takes navigator\.gpu, a GPUAdapter or a GPUDevice/, UsageError);
});

test.run();
