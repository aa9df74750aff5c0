// TensorFlow.js on WebGPU on the peers' cases. What it has no kernel for is composed in the plain way: instance norm,
// batch norm in training, the contextual loss. Its convolution gradients are called as the kernels that they are.
import { type PeerCase, UNET, type UnetOps, maskOf, unetForward, unetParameters, valuesOf } from "./peer-cases.ts";
import type { ConvLayer } from "../cases/layers.ts";
import type { OpenEngine, Ready, Results } from "./engine.ts";
import type { Tensor } from "@tensorflow/tfjs-core";

type Tf = typeof import("@tensorflow/tfjs-core");
type Tensors = Record<string, Tensor>;

const norm = (
  tf: Tf,
  op: "batch-norm" | "instance-norm",
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  eps: number,
): Tensor => {
  if (op === "batch-norm") {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, bias, weight, eps);
  }
  const { mean, variance } = tf.moments(x, [1, 2], true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, eps))), weight), bias);
};

const unetOps = (tf: Tf): UnetOps<Tensor> => ({
  conv: (x, w) => tf.conv2d(x, w, 1, "same"),
  addBias: tf.add,
  normRelu: (x, g, b) => tf.relu(norm(tf, "batch-norm", x, g, b, UNET.eps)),
  pool: (x) => tf.maxPool(x, 2, 2, "valid"),
  up: (x) => tf.image.resizeNearestNeighbor(x, [2 * x.shape[1]!, 2 * x.shape[2]!]),
  join: (a, b) => tf.concat([a, b], 3),
  use: (x) => x,
});

function conv(
  tf: Tf,
  { op, x: shape, w: filter, stride: [stride], pad, dilation: [dilation], padMode }: ConvLayer,
  t: Tensors,
  want: string,
): Tensors {
  const mirrored = padMode === "reflect";
  const none: readonly [number, number] = [0, 0];
  const around = [none, [pad[0], pad[2]], [pad[1], pad[3]], none] as const;
  const pads = mirrored ? [none, none, none, none] : around;
  const inputGrad = (dy: Tensor, w: Tensor, to: readonly number[]): Tensor =>
    tf.conv2dTranspose(dy, w, to, stride, pads);
  const weightGrad = (x: Tensor, dy: Tensor): Tensor =>
    tf
      .engine()
      .runKernel(
        "Conv2DBackpropFilter",
        { x, dy },
        { strides: stride, pad: pads, dataFormat: "NHWC", dimRoundingMode: undefined, filterShape: filter },
      );
  const forward = (x: Tensor, w: Tensor): Tensor =>
    tf.conv2d(mirrored ? tf.mirrorPad(x, around, "reflect") : x, w, stride, pads, "NHWC", dilation);
  if (op === "conv-transpose") {
    const to = [shape[0]!, 2 * shape[1]!, 2 * shape[2]!, filter[2]!];
    return want === "y"
      ? { y: inputGrad(t.x!, t.w!, to) }
      : { dx: tf.conv2d(t.dy!, t.w!, stride, pads), dw: weightGrad(t.dy!, t.x!) };
  }
  if (want === "y") return { y: forward(t.x!, t.w!) };
  // Through a pad or a dilation only its own differentiation leads.
  if (mirrored || dilation > 1) {
    const [dx, dw] = tf.grads(forward)([t.x!, t.w!], t.dy!) as [Tensor, Tensor];
    return want === "dx" ? { dx } : { dw };
  }
  return want === "dx" ? { dx: inputGrad(t.dy!, t.w!, shape) } : { dw: weightGrad(t.x!, t.dy!) };
}

function contextual(tf: Tf, x: Tensor, y: Tensor): Tensor {
  const rows = (p: Tensor): Tensor => tf.reshape(p, [-1, p.shape[3]!]);
  const [a, b] = [rows(x), rows(y)];
  const centre = tf.mean(b, 0, true);
  const unit = (p: Tensor): Tensor => {
    const c = tf.sub(p, centre);
    return tf.div(c, tf.norm(c, 2, 1, true));
  };
  const d = tf.sub(1, tf.matMul(unit(a), unit(b), false, true));
  const w = tf.exp(tf.mul(tf.sub(1, tf.div(d, tf.add(tf.min(d, 1, true), 1e-5))), 2));
  return tf.neg(tf.log(tf.add(tf.mean(tf.max(tf.div(w, tf.sum(w, 1, true)), 0)), 1e-5)));
}

/** The case as a function of nothing, to be run in a tidy. */
function build(tf: Tf, { work }: PeerCase, t: Tensors): () => Tensors {
  switch (work.kind) {
    case "matmul":
      return () => ({ y: tf.matMul(t.a!, t.b!) });
    case "conv":
      return () => conv(tf, work.layer, t, work.want);
    case "norm": {
      const forward = (x: Tensor, g: Tensor, b: Tensor): Tensor => norm(tf, work.op, x, g, b, 1e-5);
      if (work.want === "y") return () => ({ y: forward(t.x!, t.weight!, t.bias!) });
      return () => {
        const [dx, dWeight, dBias] = tf.grads(forward)([t.x!, t.weight!, t.bias!], t.dy!);
        return { dx: dx!, dWeight: dWeight!, dBias: dBias! };
      };
    }
    case "max-pool": {
      const forward = (x: Tensor): Tensor => tf.maxPool(x, 2, 2, "valid");
      return work.want === "y" ? () => ({ y: forward(t.x!) }) : () => ({ dx: tf.grads(forward)([t.x!], t.dy!)[0]! });
    }
    case "contextual":
      if (work.want === "loss") return () => ({ loss: contextual(tf, t.x!, t.y!) });
      return () => {
        const { value, grad } = tf.valueAndGrad((x) => contextual(tf, x, t.y!))(t.x!);
        return { loss: value, dx: grad };
      };
    case "unet": {
      const parameters = Object.fromEntries(
        Object.entries(unetParameters()).map(([name, o]) => [name, tf.variable(tf.tensor(valuesOf(o), o.shape))]),
      );
      const logits = (): Tensor => unetForward(unetOps(tf), t.image!, (name) => parameters[name]!);
      if (work.want === "y") return () => ({ y: logits() });
      const adam = tf.train.adam(UNET.rate, UNET.betas[0], UNET.betas[1], UNET.adamEps);
      const loss = (): Tensor => {
        const z = logits();
        return tf.mean(tf.add(tf.sub(tf.relu(z), tf.mul(z, t.target!)), tf.log1p(tf.exp(tf.neg(tf.abs(z))))));
      };
      return () => ({ loss: adam.minimize(loss, true, Object.values(parameters))! });
    }
  }
}

export const openTfjs: OpenEngine = async (gpu) => {
  const tf = await import("@tensorflow/tfjs-core");
  // Without it nothing has a gradient.
  await import("@tensorflow/tfjs-core/dist/register_all_gradients");
  const { WebGPUBackend } = await import("@tensorflow/tfjs-backend-webgpu");
  const adapter = (await gpu.requestAdapter())!;
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(
      (
        [
          "maxComputeWorkgroupStorageSize",
          "maxComputeWorkgroupsPerDimension",
          "maxStorageBufferBindingSize",
          "maxBufferSize",
          "maxComputeWorkgroupSizeX",
          "maxComputeInvocationsPerWorkgroup",
        ] as const
      ).map((l) => [l, limits[l]]),
    ),
  });
  const backend = new WebGPUBackend(device, adapter.info);
  // Its own registration asks for features that Dawn does not know by that name.
  tf.removeBackend("webgpu");
  tf.registerBackend("webgpu", () => backend);
  if (!(await tf.setBackend("webgpu"))) throw new Error("TensorFlow.js refused its WebGPU backend");
  return {
    async prepare(c): Promise<Ready> {
      const operands = Object.fromEntries(
        Object.entries(c.operands).map(([name, o]) => [
          name,
          tf.tensor(name === "target" ? maskOf(o) : valuesOf(o), o.shape),
        ]),
      );
      const run = build(tf, c, operands);
      let latest: Tensors = {};
      const drop = (): void => Object.values(latest).forEach((t) => t.dispose());
      return {
        device,
        submit() {
          drop();
          latest = tf.tidy(run);
          // What it has not submitted by itself yet.
          backend.endComputePassEncoder();
          if (backend.commandEncoder) backend.submitQueue();
        },
        async results() {
          const read: Results = {};
          for (const [name, t] of Object.entries(latest)) read[name] = Float32Array.from(await t.data());
          return read;
        },
        dispose() {
          drop();
          Object.values(operands).forEach((t) => t.dispose());
        },
      };
    },
  };
};
