// Our engine on the peers' cases, through its public API.
import {
  Device,
  type Tensor,
  Variable,
  add,
  batchNorm,
  concat,
  conv2d,
  grad,
  instanceNorm,
  matmul,
  maxPool2d,
  relu,
  resize,
} from "../../engine/index.ts";
import { conv2dInputGrad } from "../../engine/ops/conv-input-grad.ts";
import { bceWithLogits, contextual } from "../../losses/index.ts";
import { Adam } from "../../train/adam.ts";
import { convOutput } from "../cases/layers.ts";
import { type PeerCase, UNET, type UnetOps, maskOf, unetForward, unetParameters, valuesOf } from "./peer-cases.ts";
import type { OpenEngine, Results } from "./engine.ts";

const unetOps: UnetOps<Tensor> = {
  conv: (x, w) => conv2d(x, w, { pad: (w.shape[0]! - 1) / 2 }),
  addBias: add,
  normRelu: (x, weight, bias) => relu(batchNorm(x, { weight, bias, eps: UNET.eps }).y),
  pool: (x) => maxPool2d(x, { kernel: 2, stride: 2 }),
  up: (x) => resize(x, [2 * x.shape[1]!, 2 * x.shape[2]!], { mode: "nearest" }),
  join: (a, b) => concat([a, b], 3),
  use: (x) => x,
};

function unet(t: Record<string, Tensor>, want: "y" | "step"): Record<string, Tensor> {
  const parameters = Object.fromEntries(
    Object.entries(unetParameters()).map(([name, o]) => [name, new Variable(o.shape, valuesOf(o), { name })]),
  );
  const adam =
    want === "step"
      ? new Adam(Object.values(parameters), { rate: UNET.rate, betas: UNET.betas, eps: UNET.adamEps })
      : undefined;
  const y = unetForward(unetOps, t.image!, (name) => parameters[name]!.value);
  if (!adam) return { y };
  const loss = bceWithLogits(y, t.target!);
  adam.minimize(loss);
  return { loss };
}

function build({ work }: PeerCase, t: Record<string, Tensor>): Record<string, Tensor> {
  switch (work.kind) {
    case "matmul":
      return { y: matmul(t.a!, t.b!) };
    case "conv": {
      const { layer, want } = work;
      const y =
        layer.op === "conv"
          ? conv2d(t.x!, t.w!, layer)
          : conv2dInputGrad(t.x!, t.w!, { ...layer, size: convOutput(layer) });
      if (want === "y") return { y };
      const names = want.split(" and ");
      return Object.fromEntries(
        grad(
          y,
          names.map((n) => t[n[1]!]!),
          t.dy,
        ).map((g, i) => [names[i], g]),
      );
    }
    case "norm": {
      const y = work.op === "batch-norm" ? batchNorm(t.x!, t).y : instanceNorm(t.x!, t);
      if (work.want === "y") return { y };
      const [dx, dWeight, dBias] = grad(y, [t.x!, t.weight!, t.bias!], t.dy);
      return { dx, dWeight, dBias };
    }
    case "max-pool": {
      const y = maxPool2d(t.x!, { kernel: 2, stride: 2 });
      return work.want === "y" ? { y } : { dx: grad(y, [t.x!], t.dy)[0]! };
    }
    case "contextual": {
      const loss = contextual(t.x!, t.y!);
      return work.want === "loss" ? { loss } : { loss, dx: grad(loss, [t.x!])[0]! };
    }
    case "unet":
      return unet(t, work.want);
  }
}

/** A device for each case, so that nothing of one is held while another runs. */
export const openCmedl: OpenEngine = async (gpu) => ({
  async prepare(c) {
    const device = await Device.open(gpu);
    const operands = Object.fromEntries(
      Object.entries(c.operands).map(([name, o]) => [
        name,
        new Variable(o.shape, name === "target" ? maskOf(o) : valuesOf(o), { name, trainable: false }),
      ]),
    );
    const program = await device.compile(
      () => build(c, Object.fromEntries(Object.entries(operands).map(([n, v]) => [n, v.value]))),
      {},
      { mode: "train", name: c.name },
    );
    return {
      device: device.gpu.device,
      submit: () => program.run(),
      results: async () => (await program.read()) as Results,
      dispose() {
        program.dispose();
        device.dispose();
      },
    };
  },
});
