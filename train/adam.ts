// Adam as part of a traced step: parameters, gradients and moments stand in arenas, so one dispatch updates all. With
// it what surrounds an update: the gradient's norm, clipping, accumulation, loss scaling, a moving average of the
// weights. An update whose gradient is not finite does not happen: parameters and moments stay as they were.
import {
  ARENA_BLOCK,
  type AdamAttrs,
  Variable,
  adamStep,
  add,
  arenaOf,
  div,
  equal,
  finite,
  grad,
  hostInput,
  iota,
  less,
  maximum,
  minimum,
  mul,
  pack,
  requireTrace,
  reshape,
  slice,
  sqrt,
  square,
  sub,
  substituted,
  sum,
  type Tensor,
  where,
} from "../engine/index.ts";

export interface AdamOptions {
  /** Learning rate; may be changed between runs. */
  rate: number;
  /** Default [0.5, 0.999]: the paper's. */
  betas?: readonly [number, number];
  eps?: number;
  amsgrad?: boolean;
  /** L2 decay. */
  weightDecay?: number;
  /** Largest norm of the whole gradient: a longer one is shortened to it. */
  clip?: number;
  /** Runs whose gradients, averaged, make one update. Default 1. */
  accumulate?: number;
  /** Decay of a moving average of the parameters, which `averaged` shows. */
  ema?: number;
  /** Whether losses are scaled before they are differentiated, so that gradients in half precision do not vanish. */
  scaled?: boolean;
  /** For variable names in checkpoints. */
  name?: string;
}

/**
 * What `control` holds: 1 − β₁ᵗ, 1 − β₂ᵗ, the gradient's factor, whether to update, the loss's scale, updates since
 * it changed.
 */
const CONTROL = { scale: 4, calm: 5 } as const;
/**
 * As is usual: the scale starts at 2¹⁶, doubles after 2000 updates, halves after one that overflowed, and is 1 at
 * least.
 */
const SCALE = { initial: 2 ** 16, patience: 2000, largest: 2 ** 24 };

export class Adam {
  /** Learning rate of the next run is `rate · decay`. */
  rate: number;
  decay = 1;
  /** Runs done. Part of a checkpoint. */
  steps = 0;
  readonly name: string;
  /** Parameters, moments [p, m, v] and AMSGrad's w: flat arenas. */
  readonly arenas: readonly Variable[];
  /** The moving average of p, if there is one. */
  readonly average?: Variable;
  /** What a checkpoint keeps beside the parameters and their average. */
  readonly state: readonly Variable[];
  /**
   * Of the latest trace: the norm of the whole gradient before clipping, summed over its updates; [1]. Not finite
   * where one did not happen.
   */
  norm?: Tensor;
  #traced?: object;
  readonly #attrs: AdamAttrs;
  readonly #control: Variable;
  readonly #sum?: Variable;
  readonly #lengths: Variable;

  /**
   * Adopts `parameters`: from now on they are slices of this optimizer's arena. Each parameter belongs to one
   * optimizer.
   */
  constructor(
    readonly parameters: readonly Variable[],
    readonly options: AdamOptions,
  ) {
    const {
      rate,
      betas = [0.5, 0.999],
      eps = 1e-8,
      amsgrad = false,
      weightDecay = 0,
      accumulate = 1,
      ema,
      name = "adam",
    } = options;
    this.rate = rate;
    this.name = name;
    this.#attrs = { beta1: betas[0], beta2: betas[1], eps, decay: weightDecay };
    const p = arenaOf(parameters, `${name}.p`);
    const flat = (letter: string, initial: () => ArrayLike<number>): Variable =>
      new Variable(p.shape, initial, { name: `${name}.${letter}`, trainable: false });
    const zeros = (letter: string): Variable => flat(letter, () => new Float32Array(p.size));
    this.arenas = [p, zeros("m"), zeros("v"), ...(amsgrad ? [zeros("w")] : [])];
    this.#control = new Variable([6], [0, 0, 1, 1, options.scaled ? SCALE.initial : 1, 0], {
      name: `${name}.control`,
      trainable: false,
    });
    if (accumulate > 1) this.#sum = zeros("sum");
    if (ema !== undefined) this.average = flat("average", () => p.initialData());
    // How much of each block of the arena belongs to a parameter: what lies between them is never written.
    this.#lengths = new Variable(
      [p.size / ARENA_BLOCK, 1],
      () => {
        const lengths = new Uint32Array(p.size / ARENA_BLOCK);
        for (const { variable, offset } of p.members!)
          for (let i = 0; i < variable.size; i += ARENA_BLOCK)
            lengths[(offset + i) / ARENA_BLOCK] = Math.min(ARENA_BLOCK, variable.size - i);
        return lengths;
      },
      { name: `${name}.lengths`, trainable: false, dtype: "u32" },
    );
    this.state = [...this.arenas.slice(1), this.#control, ...(this.#sum ? [this.#sum] : [])];
  }

  /**
   * Gradients of `loss` with respect to this optimizer's parameters, in their order; times the loss's scale where
   * losses are scaled.
   */
  gradients(loss: Tensor): Tensor[] {
    const scale = this.options.scaled ? reshape(at(this.#control.value, CONTROL.scale), loss.shape) : undefined;
    return grad(
      scale ? mul(loss, scale) : loss,
      this.parameters.map((p) => p.value),
    );
  }

  /** Differentiates `loss` with respect to this optimizer's parameters alone and updates them. */
  minimize(loss: Tensor): void {
    this.update(this.gradients(loss));
  }

  /** Updates the parameters by what `gradients` gave, one of each parameter's shape. */
  update(gradients: readonly Tensor[]): void {
    const trace = requireTrace("an optimizer's update");
    const { clip, accumulate = 1, ema, scaled } = this.options;
    const { beta1, beta2 } = this.#attrs;
    const p = this.arenas[0]!;
    // Learning rate; whether this run ends an accumulation, and whether it goes on with one.
    const host = hostInput(`${this.name}.host`, [3], () => [
      this.rate * this.decay,
      Number((this.steps + 1) % accumulate === 0),
      Number(this.steps % accumulate !== 0),
    ]);
    let g = pack(
      gradients,
      p.members!.map((m) => m.offset),
      p.size,
    );
    if (this.#sum) {
      g = add(where(equal(at(host, 2), 0), 0, this.#sum.value), g);
      this.#sum.assign(g);
    }
    const control = this.#control.value;
    const scale = mul(at(control, CONTROL.scale), accumulate);
    const within = less(iota([1, ARENA_BLOCK]), this.#lengths.value);
    const length = sqrt(sum(where(within, square(reshape(g, [p.size / ARENA_BLOCK, ARENA_BLOCK])), 0)));
    const norm = div(reshape(length, [1]), scale);
    this.norm = this.norm && this.#traced === trace ? add(this.norm, norm) : norm;
    this.#traced = trace;
    const good = finite(norm);
    const update = where(good, at(host, 1), 0);
    const factor = div(clip === undefined ? 1 : minimum(1, div(clip, add(norm, 1e-6))), scale);
    const calm = at(control, CONTROL.calm);
    // The loss's scale changes only where an accumulation ends, so that what is summed has one.
    const now = at(control, CONTROL.scale);
    const ends = equal(at(host, 1), 1);
    const doubles = equal(calm, SCALE.patience);
    const rescaled = where(
      ends,
      where(good, minimum(where(doubles, mul(now, 2), now), SCALE.largest), maximum(mul(now, 0.5), 1)),
      now,
    );
    const calmed = where(ends, where(good, where(doubles, 0, add(calm, 1)), 0), calm);
    const i = iota([6]);
    // c ← 1 − β(1 − c) keeps its precision where 1 − βᵗ from a power would not.
    const corrected = (slot: number, beta: number): Tensor =>
      add(at(control, slot), mul(update, mul(1 - beta, sub(1, at(control, slot)))));
    const next = [
      corrected(0, beta1),
      corrected(1, beta2),
      factor,
      update,
      ...(scaled ? [rescaled, calmed] : [now, calm]),
    ].reduceRight((rest, value, slot) => where(equal(i, slot), value, rest));
    this.#control.assign(next);
    const stepped = adamStep(
      g,
      host,
      this.#control.value,
      this.arenas.map((v) => v.value),
      this.#attrs,
    );
    stepped.forEach((t, k) => this.arenas[k]!.assign(t));
    if (this.average && ema !== undefined) {
      const e = this.average.value;
      this.average.assign(add(e, mul(mul(update, 1 - ema), sub(p.value, e))));
    }
    trace.afterRun.push(() => void this.steps++);
  }

  /**
   * What `f` gives with the moving averages in place of the parameters; with the parameters where there is no
   * average. Within a trace.
   */
  averaged<T>(f: () => T): T {
    return this.average ? substituted(this.arenas[0]!, this.average.value, f) : f();
  }
}

/** One number of a vector, [1]. */
const at = (x: Tensor, i: number): Tensor => slice(x, [[i, i + 1]]);
