// Each of the peers' cases as one jitted function of jax-js. Every use of an array takes a reference away, so what is
// used twice is used as `.ref` first.
import type { Array as JaxArray } from "@jax-js/jax";
import { type PeerCase, UNET, unetForward, unetParameters, valuesOf } from "./peer-cases.ts";
import { type Jax, contextual, convOf, maxPool, norm, unetOps } from "./jaxjs-layers.ts";

export type Arrays = Record<string, JaxArray>;

/** The case as a function that submits one run and gives its results. */
export function build(
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
      return () => ({ y: f(t.a!.ref, t.b!.ref) });
    }
    case "conv": {
      const conv = convOf(jax, work.layer);
      if (work.want === "y") {
        const f = jit(conv);
        return () => ({ y: f(t.x!.ref, t.w!.ref) });
      }
      const names = work.want.split(" and ");
      const f = gradients(
        conv,
        names.map((n) => "xw".indexOf(n[1]!)),
      );
      return () => Object.fromEntries(f(t.x!.ref, t.w!.ref, t.dy!.ref).map((g, i) => [names[i], g]));
    }
    case "norm": {
      const forward = (x: JaxArray, g: JaxArray, b: JaxArray): JaxArray =>
        norm(jax, work.op === "batch-norm" ? [0, 2, 3] : [2, 3], x, g, b, 1e-5);
      if (work.want === "y") {
        const f = jit(forward);
        return () => ({ y: f(t.x!.ref, t.weight!.ref, t.bias!.ref) });
      }
      const f = gradients(forward as (...xs: JaxArray[]) => JaxArray, [0, 1, 2]);
      return () => {
        const [dx, dWeight, dBias] = f(t.x!.ref, t.weight!.ref, t.bias!.ref, t.dy!.ref);
        return { dx: dx!, dWeight: dWeight!, dBias: dBias! };
      };
    }
    case "max-pool": {
      if (work.want === "y") {
        const f = jit((x: JaxArray) => maxPool(jax, x));
        return () => ({ y: f(t.x!.ref) });
      }
      const f = gradients((x) => maxPool(jax, x), [0]);
      return () => ({ dx: f(t.x!.ref, t.dy!.ref)[0]! });
    }
    case "contextual": {
      const loss = (x: JaxArray, y: JaxArray): JaxArray => contextual(jax, x, y);
      if (work.want === "loss") {
        const f = jit(loss);
        return () => ({ loss: f(t.x!.ref, t.y!.ref) });
      }
      const f = jit(valueAndGrad(loss));
      return () => {
        const [value, dx] = f(t.x!.ref, t.y!.ref);
        return { loss: value, dx };
      };
    }
    case "unet": {
      const names = Object.keys(unetParameters());
      let parameters = Object.entries(unetParameters()).map(([name, o]) => upload(name, valuesOf(o), o.shape));
      const logits = (p: JaxArray[], image: JaxArray): JaxArray =>
        unetForward(unetOps(jax), image, (name) => p[names.indexOf(name)]!);
      if (work.want === "y") {
        const f = jit(logits);
        return () => ({
          y: f(
            parameters.map((p) => p.ref),
            t.image!.ref,
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
          const nextM = m.map((x, i) => x.mul(b1).add(g[i]!.ref.mul(1 - b1)));
          const nextV = v.map((x, i) => x.mul(b2).add(g[i]!.ref.mul(g[i]!).mul(1 - b2)));
          const next = p.map((x, i) =>
            x.sub(nextM[i]!.ref.mul(rate.ref).div(np.sqrt(nextV[i]!.ref).mul(scale.ref).add(UNET.adamEps))),
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
        const [p, nextM, nextV, losses] = step(
          parameters,
          m,
          v,
          t.image!.ref,
          t.target!.ref,
          scalar(UNET.rate / (1 - b1 ** steps)),
          scalar(1 / Math.sqrt(1 - b2 ** steps)),
        );
        [parameters, m, v] = [p!, nextM!, nextV!];
        return { loss: losses![0]! };
      };
    }
  }
}
