// ONNX models run by onnxruntime beside our engine: the same numbers. Where the runtime cannot be loaded, that is
// said, not failed.
import * as assert from "uvu/assert";
import type { Shape, Tensor } from "../../engine/index.ts";
import { writeOnnx } from "../../models/onnx/file.ts";
import { type OnnxOptions, exportOnnx } from "../../models/onnx/export.ts";
import { device, noise } from "./device.ts";

type Runtime = typeof import("onnxruntime-web");
let runtime: Runtime | undefined;

/** For a suite's `before`. */
export async function loadRuntime(): Promise<void> {
  try {
    runtime = await import("onnxruntime-web");
    runtime.env.wasm.numThreads = 1;
    runtime.env.logLevel = "error";
  } catch (error) {
    console.log(`onnxruntime-web cannot be loaded, so no exported model is run: ${String(error)}`);
  }
}

/** [N, H, W, C] as [N, C, H, W], and back; other ranks as they are. */
function turned(x: ArrayLike<number>, shape: Shape, toNchw: boolean): Float32Array {
  if (shape.length !== 4) return Float32Array.from(x);
  const [n, h, w, c] = shape as [number, number, number, number];
  const out = new Float32Array(x.length);
  for (let a = 0; a < n; a++)
    for (let y = 0; y < h * w; y++)
      for (let k = 0; k < c; k++) {
        const nhwc = (a * h * w + y) * c + k;
        const nchw = (a * c + k) * h * w + y;
        if (toNchw) out[nchw] = x[nhwc]!;
        else out[nhwc] = x[nchw]!;
      }
  return out;
}

type Outputs = Readonly<Record<string, Tensor>>;

const nchwOf = (shape: Shape): Shape => {
  const [n, h, w, c] = shape;
  return c === undefined ? shape : [n!, c, h!, w!];
};
const nhwcOf = (shape: Shape): Shape => {
  const [n, c, h, w] = shape;
  return w === undefined ? shape : [n!, h!, w, c!];
};

/** Exports f, runs it there and here on the same noise, and compares every output; gives the model. */
export async function agrees<I extends string>(
  forward: (inputs: Readonly<Record<I, Tensor>>) => Outputs,
  inputs: Readonly<Record<I, Shape>>,
  { batch, tolerance = 1e-4, ...options }: OnnxOptions & { batch?: number; tolerance?: number } = {},
): Promise<ReturnType<typeof exportOnnx>> {
  const f = forward as (inputs: Outputs) => Outputs;
  const model = exportOnnx(f, inputs, options);
  if (!runtime) return model;
  const shapes = Object.fromEntries(
    Object.entries<Shape>(inputs).map(([name, [n, ...rest]]) => [name, [batch ?? n!, ...rest]]),
  );
  const data = Object.fromEntries(
    Object.entries(shapes).map(([name, s], i) => [
      name,
      noise(
        s.reduce((n, d) => n * d, 1),
        5 + i,
      ),
    ]),
  );
  const session = await runtime.InferenceSession.create(writeOnnx(model), { executionProviders: ["wasm"] });
  const feeds: Record<string, InstanceType<Runtime["Tensor"]>> = {};
  for (const [name, s] of Object.entries(shapes))
    feeds[name] = new runtime.Tensor("float32", turned(data[name]!, s, true), nchwOf(s));
  const there = await session.run(feeds);
  using program = await (await device()).compile(f, shapes);
  program.run(data);
  const here = await program.read();
  const wrong: string[] = [];
  for (const name of Object.keys(here)) {
    const mine = here[name] as Float32Array;
    const { dims, data: raw } = there[name]!;
    const theirs = turned(raw as Float32Array, nhwcOf(dims), false);
    let worst = theirs.length === mine.length ? 0 : Infinity;
    for (let i = 0; i < mine.length; i++)
      worst = Math.max(worst, Math.abs(mine[i]! - theirs[i]!) / Math.max(1, Math.abs(theirs[i]!)));
    if (!(worst <= tolerance)) wrong.push(`${name} differs by ${worst}`);
  }
  await session.release();
  assert.equal(wrong, []);
  return model;
}
