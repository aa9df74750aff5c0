// A profile tells layers, kernels, gaps and memory of one step, and trains on nothing.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { modelSubject } from "../../cli/subject.ts";
import { aside, submitRun } from "../../lab/aside.ts";
import { withLayers } from "../../lab/layers.ts";
import { profileOf } from "../../lab/profile.ts";
import { type Timeline, byKernel, partsOf, reconciled } from "../../lab/timeline.ts";
import { traceOf } from "../../lab/trace-events.ts";
import { OUTSIDE, UPDATE, type LayerShare, layerOf, layerTree, treeText } from "../../lab/tree.ts";
import { openDevice } from "../helpers/device.ts";

const test = suite("lab profile");
const tiny = modelSubject("unet", { pass: "training", size: 16, batch: 1, width: 4 });
const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));

let profiled: Timeline | undefined;
async function timeline(): Promise<Timeline> {
  if (profiled) return profiled;
  using device = await openDevice();
  profiled = await profileOf(device, tiny, { host: "a test" });
  return profiled;
}

test("every stage but losses and the update is of a layer, and layers sum to the whole", async () => {
  const found = await timeline();
  const tree = layerTree(found);
  assert.equal(
    tree.layers.map((l) => l.name),
    ["unet", OUTSIDE, UPDATE].filter((name) => tree.layers.some((l) => l.name === name)),
  );
  const paths = new Set(found.stages.map((s) => layerOf(s).path));
  for (const path of ["unet.inc.conv1", "unet.down.0.norm1", "unet.up.3.conv2", "unet.head"])
    assert.ok(paths.has(path), path);
  assert.ok(found.stages.some((s) => layerOf(s).isGradient && layerOf(s).path === "unet.up.3.conv2"));
  const sum = (layer: LayerShare): void => {
    const parts = [...layer.layers, ...layer.kernels];
    if (parts.length === 0) return;
    assert.is(
      parts.reduce((n, p) => n + p.launches, 0),
      layer.launches,
      layer.path,
    );
    assert.ok(
      close(
        parts.reduce((n, p) => n + (p.timeUs ?? 0), 0),
        layer.timeUs ?? 0,
      ),
      layer.path,
    );
    layer.layers.forEach(sum);
  };
  sum(tree);
  assert.is(tree.launches, found.stages.length);
  assert.match(treeText(tree, 2), /\n {4}inc /);
  assert.is(
    byKernel(found).reduce((n, k) => n + k.launches, 0),
    found.stages.length,
  );
});

test("the parts of a run sum to its wall time, and each is named", async () => {
  const found = await timeline();
  const parts = partsOf(found);
  assert.ok(
    close(
      parts.reduce((n, p) => n + p.ms, 0),
      found.wallMs.median,
    ),
  );
  for (const { what } of parts) assert.ok(reconciled(found)[0]!.includes(what), what);
});

test("memory: what lives at the peak is what its holders hold, within the buffers", async () => {
  const { memory, stages } = await timeline();
  assert.is(memory.liveBytes.length, stages.length - 1, "the closing dispatch binds no activations");
  assert.is(Math.max(...memory.liveBytes), memory.peakBytes);
  assert.is(memory.liveBytes[memory.peakAt], memory.peakBytes);
  assert.is(
    memory.holders.reduce((n, h) => n + h.bytes, 0),
    memory.peakBytes,
  );
  assert.ok(memory.slotBytes >= memory.peakBytes);
  assert.ok(memory.holders.some(({ madeBy, lastReadBy }) => /unet/.test(madeBy ?? "") && lastReadBy !== undefined));
});

test("trace events: host, stages in order without overlap, layers, a counter of memory", async () => {
  const found = await timeline();
  const { traceEvents } = JSON.parse(JSON.stringify(traceOf(found))) as ReturnType<typeof traceOf>;
  const names = traceEvents.filter((e) => e.name === "thread_name").map((e) => e.args!.name);
  assert.equal(names, ["host", "GPU stages", "GPU layers"]);
  if (found.sumUs === undefined) return;
  const stages = traceEvents.filter((e) => e.ph === "X" && e.tid === 2);
  assert.is(stages.length, found.stages.length);
  stages.slice(1).forEach((e, i) => assert.ok(e.ts! >= stages[i]!.ts! + stages[i]!.dur! - 1e-6));
  assert.is(traceEvents.filter((e) => e.ph === "C").length, found.memory.liveBytes.length);
});

test("a run aside leaves weights as they were", async () => {
  using device = await openDevice();
  const made = tiny.make();
  using program = await device.compile(withLayers(made), tiny.inputs, { mode: tiny.mode, name: "aside" });
  const variables = [...made.modules.unet!.variables().values()];
  const before = await device.readAll(variables);
  await aside(program, async (opened) => submitRun(opened, tiny.feeds()));
  assert.equal(await device.readAll(variables), before);
  program.run(tiny.feeds());
  assert.not.equal(await device.readAll(variables), before, "a run of its own trains");
});

test("bind groups and debug groups are labelled by layer, pipelines by kernel", async () => {
  using device = await openDevice();
  const groups: string[] = [];
  const gpuDevice = device.gpu.device;
  const createCommandEncoder = gpuDevice.createCommandEncoder.bind(gpuDevice);
  using program = await device.compile(withLayers(tiny.make()), tiny.inputs, { mode: tiny.mode, name: "labels" });
  gpuDevice.createCommandEncoder = (descriptor) => {
    const encoder = createCommandEncoder(descriptor);
    assert.ok(encoder.label, "an encoder without a label");
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = (d) => {
      const pass = begin(d);
      const push = pass.pushDebugGroup.bind(pass);
      pass.pushDebugGroup = (name) => {
        groups.push(name);
        push(name);
      };
      return pass;
    };
    return encoder;
  };
  program.run(tiny.feeds());
  await program.read();
  assert.ok(groups.includes("unet.inc.conv1") && groups.includes("gradient of unet.up.3.conv2"), groups.join());
  const { replays } = program.opened();
  for (const { bindGroup, pipeline, dispatch } of replays) {
    assert.ok(bindGroup.label.includes(dispatch.label));
    assert.is(pipeline.label, dispatch.kernel.name);
  }
  assert.ok(replays.some(({ bindGroup }) => /^conv2d-\S+ conv2d .* · unet\.inc\.conv1$/.test(bindGroup.label)));
  delete (gpuDevice as Partial<GPUDevice>).createCommandEncoder;
});

test("without layers remembered a label names the layer by its weights, and there are no debug groups", async () => {
  using device = await openDevice();
  const inference = modelSubject("unet", { pass: "inference", size: 16, batch: 1, width: 4 });
  using program = await device.compile(inference.make().compute, inference.inputs, { name: "plain" });
  const { replays } = program.opened();
  assert.ok(replays.every(({ site }) => site === undefined));
  assert.ok(replays.some(({ bindGroup }) => bindGroup.label.endsWith(" · unet.inc.conv1")));
});

test.run();
