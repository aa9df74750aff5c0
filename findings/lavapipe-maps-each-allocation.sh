#!/usr/bin/env bash
# Each buffer of a device is a memory map of the process, of which Linux gives it 65,530.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe, Linux.
# One would guess: a driver that computes on the processor takes buffers from the heap, so that their number does not
#   matter.
# Seen: a thousand buffers of 8 MiB that nothing has written are over a thousand more lines in /proc/self/maps. When
#   they are destroyed these stay until the device has done a submit after that: waiting for the queue alone is not
#   enough. Buffers of 4 KiB share the allocations that Dawn cuts up: they add few.
# A tool should: count allocations on this driver, not bytes alone (a training step that holds some thousand tensors of
#   their own is near a tenth of vm.max_map_count), put tensors into few buffers, and destroy devices of tests.
source "$(dirname "$0")/setup.bash"
[ -r /proc/self/maps ] || skip "needs Linux"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { readFileSync } from "node:fs";
import { create, globals } from "webgpu";
Object.assign(globalThis, globals);
globalThis.gpu = create([]); // kept until the process ends
const maps = () => readFileSync("/proc/self/maps", "utf8").split("\n").length;
const device = await (await gpu.requestAdapter()).requestDevice();
const more = async (size) => {
  const before = maps();
  const buffers = Array.from({ length: 1000 }, () => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
  await device.queue.onSubmittedWorkDone();
  const held = maps() - before;
  for (const buffer of buffers) buffer.destroy();
  for (let i = 0; i < 3; i++) {
    device.queue.submit([device.createCommandEncoder().finish()]);
    await device.queue.onSubmittedWorkDone();
  }
  return [held, maps() - before];
};
const [small] = await more(4096);
const [large, left] = await more(2 ** 23);
console.error(`  1000 of 4 KiB: ${small} more maps, of 8 MiB: ${large}, destroyed: ${left}`);
console.log(`small ${small < 300 ? "few" : "many"}, large ${large >= 1000 ? "one each" : "fewer"}, destroyed ${left < 300 ? "gone" : "held"}`);
process.exit(0);
JS
expect "maps" "$(node seen.mjs 2>seen.log || cat seen.log)" "small few, large one each, destroyed gone"
tail -n 1 seen.log
exit $failed
