// jax-js on the peers' cases, each as one jitted function. NCHW and KCRS there: operands are turned before, results
// after. Every use of an array takes a reference away, so what is used twice is used as `.ref` first.
import type { ConvLayer } from "../layers.ts";
import { type PeerCase, UNET, type UnetOps, maskOf, unetForward, unetParameters, valuesOf } from "../peer-cases.ts";
import type { Array as JaxArray } from "@jax-js/jax";
import type { OpenEngine, Ready, Results } from "./engine.ts";

type Jax = typeof import("@jax-js/jax");
type Arrays = Record<string, JaxArray>;

/** Values of shape, axes permuted: axis i of the result is axis perm[i]. */
function permuted(
  values: Float32Array,
  shape: readonly number[],
  perm: readonly number[],
): { values: Float32Array; shape: number[] } {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  const to = perm.map((d) => shape[d]);
  const by = perm.map((d) => strides[d]);
  const out = new Float32Array(values.length);
  let i = 0;
  for (let a = 0; a < to[0]; a++)
    for (let b = 0; b < to[1]; b++)
      for (let c = 0; c < to[2]; c++)
        for (let d = 0; d < to[3]; d++) out[i++] = values[a * by[0] + b * by[1] + c * by[2] + d * by[3]];
  return { values: out, shape: to };
}
const isFilter = (name: string): boolean => /(^|\.)d?w$/.test(name);
const inward = (name: string): number[] => (isFilter(name) ? [3, 2, 0, 1] : [0, 3, 1, 2]);
const outward = (name: string): number[] => (isFilter(name) ? [2, 3, 1, 0] : [0, 2, 3, 1]);

function norm(
  { numpy: np }: Jax,
  axes: number[],
  x: JaxArray,
  weight: JaxArray,
  bias: JaxArray,
  eps: number,
): JaxArray {
  const over = { keepdims: true };
  const channels = [1, -1, 1, 1];
  const centred = x.ref.sub(np.mean(x, axes, over));
  const variance = np.mean(centred.ref.mul(centred.ref), axes, over);
  return centred
    .div(np.sqrt(variance.add(eps)))
    .mul(weight.reshape(channels))
    .add(bias.reshape(channels));
}

function mirrored({ numpy: np }: Jax, x: JaxArray, pad: number): JaxArray {
  for (const axis of [2, 3]) {
    const n = x.shape[axis];
    const part = (from: number, to: number): JaxArray =>
      np.flip(axis === 2 ? x.ref.slice([], [], [from, to], []) : x.ref.slice([], [], [], [from, to]), axis);
    x = np.concatenate([part(1, pad + 1), x.ref, part(n - 1 - pad, n - 1)], axis);
  }
  return x;
}

function convOf(jax: Jax, { op, stride, pad, dilation, padMode }: ConvLayer): (x: JaxArray, w: JaxArray) => JaxArray {
  const zeros = [
    [pad[0], pad[2]],
    [pad[1], pad[3]],
  ];
  if (op === "conv-transpose")
    return (x, w) => jax.lax.convTranspose(x, w, [...stride], zeros, { transposeKernel: true });
  if (padMode === "reflect")
    return (x, w) =>
      jax.lax.convGeneralDilated(
        mirrored(jax, x, pad[0]),
        w,
        [...stride],
        [
          [0, 0],
          [0, 0],
        ],
      );
  return (x, w) => jax.lax.convGeneralDilated(x, w, [...stride], zeros, { rhsDilation: [...dilation] });
}

function contextual({ numpy: np }: Jax, x: JaxArray, y: JaxArray): JaxArray {
  const channels = x.shape[1];
  const along = { keepdims: true };
  const [a, b] = [x.reshape([channels, -1]), y.reshape([channels, -1])];
  const centre = np.mean(b.ref, 1, along);
  const unit = (p: JaxArray, c: JaxArray): JaxArray => {
    const q = p.sub(c);
    return q.ref.div(np.sqrt(np.sum(q.ref.mul(q), 0, along)));
  };
  const d = np
    .matmul(np.transpose(unit(a, centre.ref)), unit(b, centre))
    .neg()
    .add(1);
  const nearest = np.min(d.ref, 1, along).add(1e-5);
  const w = np.exp(d.div(nearest).neg().add(1).mul(2));
  const cx = w.ref.div(np.sum(w, 1, along));
  return np.log(np.mean(np.max(cx, 0)).add(1e-5)).neg();
}

const unetOps = (jax: Jax): UnetOps<JaxArray> => {
  const { numpy: np, lax, nn } = jax;
  return {
    conv: (x, w) => {
      const p = (w.shape[2] - 1) / 2;
      return lax.convGeneralDilated(
        x,
        w,
        [1, 1],
        [
          [p, p],
          [p, p],
        ],
      );
    },
    addBias: (x, b) => x.add(b.reshape([1, -1, 1, 1])),
    normRelu: (x, g, b) => nn.relu(norm(jax, [0, 2, 3], x, g, b, UNET.eps)),
    pool: (x) => maxPool(jax, x),
    up: (x) => np.repeat(np.repeat(x, 2, 2), 2, 3),
    join: (a, b) => np.concatenate([a, b], 1),
    use: (x) => x.ref,
  };
};

function maxPool({ numpy: np }: Jax, x: JaxArray): JaxArray {
  const [n, c, h, w] = x.shape;
  return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5]);
}

/** The case as a function that submits one run and gives its results. */
function build(
  jax: Jax,
  { work }: PeerCase,
  t: Arrays,
  upload: (name: string, values: Float32Array, shape: readonly number[]) => JaxArray,
): () => Arrays {
  const { numpy: np, jit, grad, valueAndGrad } = jax;
  /** Gradients of Σ y·dy by the arguments at these places. */
  const gradients = (f: (...xs: JaxArray[]) => JaxArray, argnums: number[]) =>
    jit(
      grad(
        (...xs: JaxArray[]) => {
          const dy = xs.pop()!;
          return np.sum(f(...xs).mul(dy));
        },
        { argnums },
      ),
    );
  switch (work.kind) {
    case "matmul": {
      const f = jit(np.matmul);
      return () => ({ y: f(t.a.ref, t.b.ref) });
    }
    case "conv": {
      const conv = convOf(jax, work.layer);
      if (work.want === "y") {
        const f = jit(conv);
        return () => ({ y: f(t.x.ref, t.w.ref) });
      }
      const names = work.want.split(" and ");
      const f = gradients(
        conv,
        names.map((n) => "xw".indexOf(n[1])),
      );
      return () => Object.fromEntries(f(t.x.ref, t.w.ref, t.dy.ref).map((g, i) => [names[i], g]));
    }
    case "norm": {
      const forward = (x: JaxArray, g: JaxArray, b: JaxArray): JaxArray =>
        norm(jax, work.op === "batch-norm" ? [0, 2, 3] : [2, 3], x, g, b, 1e-5);
      if (work.want === "y") {
        const f = jit(forward);
        return () => ({ y: f(t.x.ref, t.weight.ref, t.bias.ref) });
      }
      const f = gradients(forward as (...xs: JaxArray[]) => JaxArray, [0, 1, 2]);
      return () => {
        const [dx, dWeight, dBias] = f(t.x.ref, t.weight.ref, t.bias.ref, t.dy.ref);
        return { dx, dWeight, dBias };
      };
    }
    case "max-pool": {
      if (work.want === "y") {
        const f = jit((x: JaxArray) => maxPool(jax, x));
        return () => ({ y: f(t.x.ref) });
      }
      const f = gradients((x) => maxPool(jax, x), [0]);
      return () => ({ dx: f(t.x.ref, t.dy.ref)[0] });
    }
    case "contextual": {
      const loss = (x: JaxArray, y: JaxArray): JaxArray => contextual(jax, x, y);
      if (work.want === "loss") {
        const f = jit(loss);
        return () => ({ loss: f(t.x.ref, t.y.ref) });
      }
      const f = jit(valueAndGrad(loss));
      return () => {
        const [value, dx] = f(t.x.ref, t.y.ref);
        return { loss: value, dx };
      };
    }
    case "unet": {
      const names = Object.keys(unetParameters());
      let parameters = Object.entries(unetParameters()).map(([name, o]) => upload(name, valuesOf(o), o.shape));
      const logits = (p: JaxArray[], image: JaxArray): JaxArray =>
        unetForward(unetOps(jax), image, (name) => p[names.indexOf(name)]);
      if (work.want === "y") {
        const f = jit(logits);
        return () => ({
          y: f(
            parameters.map((p) => p.ref),
            t.image.ref,
          ),
        });
      }
      const loss = (p: JaxArray[], image: JaxArray, target: JaxArray): JaxArray => {
        const z = logits(p, image);
        return np.mean(
          np
            .maximum(z.ref, 0)
            .sub(z.ref.mul(target))
            .add(np.log1p(np.exp(np.absolute(z).neg()))),
        );
      };
      const [b1, b2] = UNET.betas;
      const step = jit(
        (
          p: JaxArray[],
          m: JaxArray[],
          v: JaxArray[],
          image: JaxArray,
          target: JaxArray,
          rate: JaxArray,
          scale: JaxArray,
        ): JaxArray[][] => {
          const [value, g] = valueAndGrad(loss)(
            p.map((x) => x.ref),
            image,
            target,
          ) as [JaxArray, JaxArray[]];
          const nextM = m.map((x, i) => x.mul(b1).add(g[i].ref.mul(1 - b1)));
          const nextV = v.map((x, i) => x.mul(b2).add(g[i].ref.mul(g[i]).mul(1 - b2)));
          const next = p.map((x, i) =>
            x.sub(nextM[i].ref.mul(rate.ref).div(np.sqrt(nextV[i].ref).mul(scale.ref).add(UNET.adamEps))),
          );
          rate.dispose();
          scale.dispose();
          return [next, nextM, nextV, [value]];
        },
      );
      const zeros = (): JaxArray[] =>
        parameters.map((p) => np.array(new Float32Array(p.shape.reduce((a, b) => a * b, 1)), { shape: p.shape }));
      let m = zeros();
      let v = zeros();
      let steps = 0;
      return () => {
        steps++;
        const scalar = (value: number): JaxArray => np.array(Float32Array.of(value), { shape: [1] }).reshape([]);
        const [p, nextM, nextV, [value]] = step(
          parameters,
          m,
          v,
          t.image.ref,
          t.target.ref,
          scalar(UNET.rate / (1 - b1 ** steps)),
          scalar(1 / Math.sqrt(1 - b2 ** steps)),
        );
        [parameters, m, v] = [p, nextM, nextV];
        return { loss: value };
      };
    }
  }
}

/**
 * Its arrays are submitted when they are waited for, by mapping a buffer; a wait that is pending makes Node poll
 * while the harness sleeps, which the other engines are spared. So the map is held back until the harness has waited
 * itself.
 */
class HeldWaits {
  #holding = false;
  #held: (() => void)[] = [];
  #whenHeld: () => void = () => {};
  #running: Promise<unknown> = Promise.resolve();
  constructor() {
    const waits = this;
    const map = GPUBuffer.prototype.mapAsync;
    Object.defineProperty(GPUBuffer.prototype, "mapAsync", {
      configurable: true,
      async value(this: GPUBuffer, ...args: Parameters<typeof map>) {
        if (waits.#holding)
          await new Promise<void>((go) => {
            waits.#held.push(go);
            waits.#whenHeld();
          });
        return map.apply(this, args);
      },
    });
  }
  /** Everything that `x` needs is submitted when this resolves. */
  async submit(x: JaxArray): Promise<void> {
    await this.release();
    this.#holding = true;
    const held = new Promise<void>((f) => {
      this.#whenHeld = f;
    });
    this.#running = x.blockUntilReady();
    await Promise.race([held, this.#running]);
  }
  async release(): Promise<void> {
    this.#holding = false;
    for (const go of this.#held.splice(0)) go();
    await this.#running;
  }
}

export const openJaxjs: OpenEngine = async () => {
  const jax = await import("@jax-js/jax");
  const found = await jax.init("webgpu");
  if (!found.includes("webgpu")) throw new Error("jax-js found no WebGPU here");
  jax.defaultDevice("webgpu");
  const waits = new HeldWaits();
  const upload = (name: string, values: Float32Array, shape: readonly number[]): JaxArray => {
    const turned = shape.length === 4 ? permuted(values, shape, inward(name)) : { values, shape: [...shape] };
    return jax.numpy.array(turned.values, { shape: turned.shape });
  };
  return {
    async prepare(c): Promise<Ready> {
      const operands = Object.fromEntries(
        Object.entries(c.operands).map(([name, o]) => [
          name,
          upload(name, name === "target" ? maskOf(o) : valuesOf(o), o.shape),
        ]),
      );
      const run = build(jax, c, operands, upload);
      let latest: Arrays = {};
      const drop = (): void => Object.values(latest).forEach((t) => t.dispose());
      return {
        device: jax.getWebGPUDevice(),
        async submit() {
          await waits.release();
          drop();
          latest = run();
          // All results of one jitted function are submitted together.
          await waits.submit(Object.values(latest)[0]);
        },
        async results() {
          await waits.release();
          const read: Results = {};
          for (const [name, t] of Object.entries(latest)) {
            const values = Float32Array.from(await t.ref.data());
            read[name] = t.shape.length === 4 ? permuted(values, t.shape, outward(name)).values : values;
          }
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
