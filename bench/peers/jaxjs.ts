// jax-js as an engine on the peers' cases. NCHW and KCRS there: operands are turned before, results after.
import type { Array as JaxArray } from "@jax-js/jax";
import { maskOf, valuesOf } from "./peer-cases.ts";
import type { OpenEngine, Ready, Results } from "./engine.ts";
import { type Arrays, build } from "./jaxjs-cases.ts";

/** Values of shape, axes permuted: axis i of the result is axis perm[i]. */
function permuted(
  values: Float32Array,
  shape: readonly number[],
  perm: readonly number[],
): { values: Float32Array; shape: number[] } {
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
  const to = perm.map((d) => shape[d]!);
  const by = perm.map((d) => strides[d]!);
  const out = new Float32Array(values.length);
  let i = 0;
  for (let a = 0; a < to[0]!; a++)
    for (let b = 0; b < to[1]!; b++)
      for (let c = 0; c < to[2]!; c++)
        for (let d = 0; d < to[3]!; d++) out[i++] = values[a * by[0]! + b * by[1]! + c * by[2]! + d * by[3]!]!;
  return { values: out, shape: to };
}
const isFilter = (name: string): boolean => /(^|\.)d?w$/.test(name);
const inward = (name: string): number[] => (isFilter(name) ? [3, 2, 0, 1] : [0, 3, 1, 2]);
const outward = (name: string): number[] => (isFilter(name) ? [2, 3, 1, 0] : [0, 2, 3, 1]);

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
          await waits.submit(Object.values(latest)[0]!);
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
