// The map of a t-SNE on a device, and the steps that move it.
import {
  DISPOSE,
  type Device,
  type Program,
  type Tensor,
  Variable,
  add,
  concat,
  div,
  greater,
  max,
  maximum,
  min,
  mul,
  slice,
  sub,
  sum,
  where,
} from "../../engine/index.ts";
import type { Affinities } from "./affinities.ts";
import { attraction, gridRepulsion, gridSpectrum, repulsion, twiddlesOf } from "./forces.ts";
import { type Bounds, gridFor } from "./grid.ts";

/** What changes from step to step. */
export interface StepSizes {
  readonly momentum: number;
  readonly exaggeration: number;
  readonly rate: number;
}

/** Programs for one size of the grid, or for all pairs. */
interface Programs {
  readonly step: Program<"bounds">;
  readonly loss: Program<"attraction" | "z">;
  /** Computes the spectrum again where the nodes' spacing has changed. */
  readonly spectrum?: Program<never>;
  spacing: number;
}

const SCALAR = [1] as const;
const forcesOf = (f: Tensor): Tensor => slice(f, [null, [0, 2]]);
const thirdOf = (f: Tensor): Tensor => slice(f, [null, [2, 3]]);

export class Descent {
  readonly #y: Variable;
  readonly #velocity: Variable;
  readonly #gains: Variable;
  readonly #affinities: readonly [starts: Variable, columns: Variable, p: Variable];
  readonly #programs = new Map<number, Programs>();
  #bounds: Bounds;

  /** Starts at positions [n, 2], which have no velocity. With `exact`, all pairs push; else a grid does. */
  constructor(
    readonly device: Device,
    { starts, columns, values }: Affinities,
    positions: Float32Array,
    readonly exact: boolean,
  ) {
    const constant = (data: Uint32Array | Float32Array, dtype: "u32" | "f32", name: string): Variable =>
      new Variable([data.length], data, { dtype, name, trainable: false });
    const state = (data: Float32Array, name: string): Variable =>
      new Variable([data.length / 2, 2], data, { name, trainable: false });
    this.#y = state(positions, "map");
    this.#velocity = state(new Float32Array(positions.length), "velocity");
    this.#gains = state(new Float32Array(positions.length).fill(1), "gains");
    this.#affinities = [
      constant(starts, "u32", "starts"),
      constant(columns, "u32", "columns"),
      constant(values, "f32", "affinities"),
    ];
    this.#bounds = boundsOf(positions);
  }

  /**
   * Moves all points once: gains grow by 0.2 where a coordinate keeps its direction and shrink to 0.8 where not, at
   * least 0.01 (Jacobs 1988, as van der Maaten & Hinton 2008 have it). Gives the bounds of the map, NaN where the map
   * is not finite.
   */
  async step(sizes: StepSizes): Promise<Bounds> {
    const { programs, feeds } = await this.#prepared();
    programs.step.run({
      ...feeds,
      momentum: [sizes.momentum],
      exaggeration: [sizes.exaggeration],
      rate: [sizes.rate],
    });
    const [x0 = NaN, y0 = NaN, x1 = NaN, y1 = NaN] = (await programs.step.read()).bounds;
    this.#bounds = { low: [x0, y0], high: [x1, y1] };
    return this.#bounds;
  }

  /** Σ_ij p_ij·ln(1 + |y_i − y_j|²) + ln Z: the divergence KL(P ‖ Q), but for P's own entropy. */
  async crossEntropy(): Promise<number> {
    const { programs, feeds } = await this.#prepared();
    programs.loss.run(feeds);
    const { attraction: pulled, z } = await programs.loss.read();
    return Number(pulled[0]) + Math.log(Number(z[0]));
  }

  /** [n, 2]. */
  async positions(): Promise<Float32Array> {
    return Float32Array.from(await this.device.read(this.#y));
  }

  dispose(): void {
    for (const { step, loss, spectrum } of this.#programs.values())
      for (const program of [step, loss, spectrum]) program?.dispose();
    this.#programs.clear();
  }
  [DISPOSE](): void {
    this.dispose();
  }

  /** The programs for the map in its present extent, and the inputs that describe that to them. */
  async #prepared(): Promise<{ programs: Programs; feeds: Record<string, readonly number[]> }> {
    if (this.exact) return { programs: await this.#programsFor(0), feeds: {} };
    const { side, spacing, box } = gridFor(this.#bounds);
    const programs = await this.#programsFor(side);
    if (programs.spacing !== spacing) {
      programs.spectrum!.run({ spacing: [spacing] });
      programs.spacing = spacing;
    }
    return { programs, feeds: { box } };
  }

  async #programsFor(side: number): Promise<Programs> {
    const known = this.#programs.get(side);
    if (known) return known;
    const made = await this.#compile(side);
    this.#programs.set(side, made);
    return made;
  }

  async #compile(side: number): Promise<Programs> {
    const { device } = this;
    if (side === 0) {
      const push = (): Tensor => repulsion(this.#y.value);
      const step = await device.compile((x) => this.#moved(x, push()), stepInputs, { name: "t-SNE step" });
      const loss = await device.compile(() => this.#losses(push()), {}, { name: "t-SNE loss" });
      return { step, loss, spacing: NaN };
    }
    const twiddles = new Variable([side / 2, 2], twiddlesOf(side), { name: "twiddles", trainable: false });
    const spectrum = new Variable([2, side, side, 2], () => new Float32Array(4 * side * side), {
      name: "spectrum",
      trainable: false,
    });
    const push = (box: Tensor): Tensor => gridRepulsion([this.#y.value, box, spectrum.value, twiddles.value]);
    const box = [4];
    return {
      step: await device.compile((x) => this.#moved(x, push(x.box)), { ...stepInputs, box }, { name: "t-SNE step" }),
      loss: await device.compile((x) => this.#losses(push(x.box)), { box }, { name: "t-SNE loss" }),
      spectrum: await device.compile(
        ({ spacing }) => {
          spectrum.assign(gridSpectrum(spacing, twiddles.value, side));
          return {};
        },
        { spacing: SCALAR },
        { name: "t-SNE grid" },
      ),
      spacing: NaN,
    };
  }

  /** The step, to be traced: ∂KL/∂y_i = 4·(Σ_j p_ij w_ij (y_i − y_j) − Σ_j w_ij² (y_i − y_j) / Z). */
  #moved(
    { momentum, exaggeration, rate }: { momentum: Tensor; exaggeration: Tensor; rate: Tensor },
    pushed: Tensor,
  ): { bounds: Tensor } {
    const [y, velocity, gains] = [this.#y.value, this.#velocity.value, this.#gains.value];
    const z = sum(thirdOf(pushed));
    const gradient = mul(4, sub(mul(exaggeration, forcesOf(this.#pulled(false))), div(forcesOf(pushed), z)));
    const isOpposed = greater(0, mul(gradient, velocity));
    const grown = maximum(where(isOpposed, add(gains, 0.2), mul(gains, 0.8)), 0.01);
    const moved = sub(mul(momentum, velocity), mul(mul(rate, grown), gradient));
    const at = add(y, moved);
    this.#gains.assign(grown);
    this.#velocity.assign(moved);
    this.#y.assign(at);
    return { bounds: concat([min(at, 0), max(at, 0)], 0) };
  }

  #losses(pushed: Tensor): { attraction: Tensor; z: Tensor } {
    return { attraction: sum(thirdOf(this.#pulled(true))), z: sum(thirdOf(pushed)) };
  }

  #pulled(loss: boolean): Tensor {
    const [starts, columns, p] = this.#affinities;
    return attraction([this.#y.value, starts.value, columns.value, p.value], loss);
  }
}

const stepInputs = { momentum: SCALAR, exaggeration: SCALAR, rate: SCALAR };

function boundsOf(positions: Float32Array): Bounds {
  const low: [number, number] = [Infinity, Infinity];
  const high: [number, number] = [-Infinity, -Infinity];
  positions.forEach((v, i) => {
    const axis = (i % 2) as 0 | 1;
    low[axis] = Math.min(low[axis], v);
    high[axis] = Math.max(high[axis], v);
  });
  return { low, high };
}
