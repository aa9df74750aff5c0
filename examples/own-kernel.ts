// An op with a WGSL kernel of its own, gradient included: a 3 × 3 box blur, black outside the image.
// The functions that declare kernels and ops are the engine's own and not exported yet: this file imports them by path.
import { Device, Variable, grad, mul, sum, type Tensor, withGradient } from "cmedl";
import { openNodeGpu } from "cmedl/node";
import type { KernelOp } from "../engine/op.ts";
import { apply } from "../engine/tensor.ts";
import { defineKernel } from "../kernels/kernel.ts";

const SIZE = 5;

const kernel = defineKernel<{ H: number; W: number }>("box-blur", {
  source: `
    struct Params { H : u32, W : u32 }
    @group(0) @binding(0) var<uniform> params : Params;
    @group(0) @binding(1) var<storage, read> x : array<f32>;
    @group(0) @binding(2) var<storage, read_write> y : array<f32>;

    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) gid : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>) {
      let i = gid.x + gid.y * groups.x * 64u;
      let size = vec2<i32>(i32(params.W), i32(params.H));
      if (i >= params.H * params.W) { return; }
      let centre = vec2<i32>(i32(i) % size.x, i32(i) / size.x);
      var sum = 0.0;
      for (var dy = -1; dy <= 1; dy++) {
        for (var dx = -1; dx <= 1; dx++) {
          let at = centre + vec2(dx, dy);
          if (all(at >= vec2(0)) && all(at < size)) { sum += x[at.y * size.x + at.x]; }
        }
      }
      y[i] = sum / 9.0;
    }`,
  threads: ({ H, W }) => H * W, // dealt out to workgroups of 64
});

const boxBlurOp: KernelOp = {
  kind: "kernel",
  name: "box-blur",
  infer: ([x]) => [{ shape: x!.shape, dtype: "f32" }],
  lower(l) {
    const [H = 0, W = 0] = l.inputs[0]!.shape;
    l.dispatch(kernel, { H, W }, { x: l.input(0), y: l.output(0) }); // params, then buffers, by their names in WGSL
  },
};

/** x [H, W] f32 → the mean of each pixel's 3 × 3 neighbourhood, [H, W]. */
const boxBlur = (x: Tensor): Tensor =>
  // y = Bx, and B is symmetric: the gradient of x is B dy.
  withGradient(apply(boxBlurOp, [x], {}), [x], (dy) => [boxBlur(dy)]);

using device = await Device.open((await openNodeGpu()).gpu);
const dot = new Variable([SIZE, SIZE], (): number[] => Array.from({ length: SIZE ** 2 }, (_, i) => (i === 12 ? 9 : 0)));
const blurred = boxBlur(dot.value);
const [gradient] = grad(sum(mul(blurred, dot.value)), [dot.value]); // 2 Bx
const values = await device.evaluate({ blurred, gradient: gradient! });
for (const [name, value] of Object.entries(values)) console.log(`${name}: ${Array.from(value, Math.round).join(" ")}`);
