// A program or a device that goes while a run is slept through: its reader hears of it, and nothing else does.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CmedlError, DeviceLostError, Device, Variable, matmul } from "../../engine/index.ts";
import { openNodeGpu } from "../../node/gpu/open.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("patience with a device");
const SIZE = 384;

/** A program whose runs take some milliseconds on a software adapter, after three of them. */
async function warm(device: Device) {
  const a = new Variable([SIZE, SIZE], new Float32Array(SIZE * SIZE).fill(1e-3), { name: "a" });
  const program = await device.compile(() => ({ y: matmul(matmul(matmul(a.value, a.value), a.value), a.value) }));
  for (let i = 0; i < 3; i++) {
    program.run();
    await program.read();
  }
  return program;
}
const opened = async (): Promise<Device> => Device.open((await openNodeGpu({ quiet: true })).gpu);

test("a disposed program is a UsageError, and the device goes on", async () => {
  using device = await opened();
  const program = await warm(device);
  program.run();
  const read = program.read();
  program.dispose();
  await refused(() => read, /was disposed/, CmedlError);
  using other = await warm(device);
  other.run();
  assert.is((await other.read()).y.length, SIZE * SIZE);
});

test("a lost device is a DeviceLostError", async () => {
  using device = await opened();
  const program = await warm(device);
  program.run();
  const read = program.read();
  device.gpu.device.destroy();
  await refused(() => read, /./, DeviceLostError);
});

test.run();
