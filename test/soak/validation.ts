// What the GPU refuses, at dispatches, shaders and limits: an exception in the same step, which names op and shapes.
import {
  Device,
  GpuValidationError,
  LimitExceededError,
  RandomStreams,
  ShaderCompileError,
  type Tensor,
} from "../../engine/index.ts";
import { segmentation } from "../../losses/index.ts";
import { UNet } from "../../models/index.ts";
import { Adam } from "../../train/adam.ts";
import { noise } from "../helpers/device.ts";
import { environment } from "../helpers/environment.ts";
import { type Soak, Tally, must } from "./soak.ts";

const AT_MOST = 40;

type Inputs = Readonly<Record<string, Tensor>>;

export const validation: Soak = {
  name: "validation",
  tries: "dispatches bound wrongly, shaders with a bad line, buffers over a limit",
  seconds: 15,
  run: async (budget, random) => {
    const tally = new Tally();
    const { gpu } = await environment().gpu();
    using device = await Device.open(gpu);
    const step = (): ((inputs: Inputs) => { loss: Tensor }) => {
      const net = new UNet({ width: 2, depth: 1 }).initialize(new RandomStreams(4), "net");
      const adam = new Adam(net.parameters(), { rate: 1e-3 });
      return ({ x, y }) => {
        const loss = segmentation(net.forward(x!).logits, y!);
        adam.minimize(loss);
        return { loss };
      };
    };
    const shape = [1, 16, 16, 1];
    const shapes = { x: shape, y: shape };
    using program = await device.compile(step(), shapes, { mode: "train", name: "step" });
    const x = noise(256, 3);
    const feeds = { x, y: x.map((v) => Number(v > 0)) };
    const replays = program.opened().replays.slice(0, -1) as {
      bindGroup: GPUBindGroup;
      pipeline: GPUComputePipeline;
    }[];
    for (let n = 0; budget.allows(n) && n < AT_MOST; n++) {
      const at = random.of(n).whole(replays.length);
      const replay = replays[at]!;
      const label = (program.opened().replays[at] as { dispatch: { label: string } }).dispatch.label;
      await tally.try(`dispatch ${at}, ${label}`, async () => {
        const { bindGroup } = replay;
        // Bound without any of its buffers, under its own label.
        const layout = device.gpu.device.createBindGroupLayout({ entries: [] });
        replay.bindGroup = device.gpu.device.createBindGroup({ label: bindGroup.label, layout, entries: [] });
        let error: unknown;
        try {
          program.run(feeds);
          await program.read();
        } catch (thrown) {
          error = thrown;
        }
        replay.bindGroup = bindGroup;
        must(error instanceof GpuValidationError, `gave ${error === undefined ? "no error" : String(error)}`);
        must(error.message.includes(label), `the message does not name it: ${error.message}`);
        program.run(feeds);
        await program.read();
      });
    }
    const dispatches = tally.tried;
    for (let n = 0; n < Math.min(10, budget.most); n++)
      await tally.try(`a shader with a bad line ${n}`, async () => {
        const bad = `fn main${n}() { let x: u32 = -1.5; }`;
        const error = await device.gpu.pipeline(bad, [], `kernel-${n}`).catch((e: unknown) => e);
        must(error instanceof ShaderCompileError && error.message.includes(`kernel-${n}`), String(error));
      });
    for (const bytes of [500, 900, 1500])
      await tally.try(`buffers of ${bytes} bytes at most`, async () => {
        using small = await Device.open(gpu, { maxBufferBytes: bytes });
        const error = await small.compile(step(), shapes, { mode: "train", name: "step" }).catch((e: unknown) => e);
        must(error instanceof LimitExceededError && /step.* bytes/.test(error.message), String(error));
        must(small.counters.totalSubmits === 0, "something was submitted");
      });
    tally.count("dispatches that are refused", dispatches, AT_MOST);
    return tally;
  },
};
