// Adam as part of a traced step: parameters, gradients and moments stand in arenas, each of which one dispatch updates.
// With it what surrounds an update: the gradient's norm, clipping, accumulation, loss scaling, a moving average of the
// weights. An update whose gradient is not finite does not happen: parameters and moments stay as they were.
import {
  type AdamAttrs,
  Variable,
  adamStep,
  add,
  arenasOf,
  div,
  equal,
  finite,
  grad,
  hostInput,
  iota,
  maximum,
  minimum,
  mul,
  pack,
  ranks,
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
  /** Most bytes of an arena. Default 128 MiB, which every device can bind. */
  arenaBytes?: number;
}

/** A run of the parameters, and what belongs to each of them, at the same offsets of flat variables. */
export interface AdamArena {
  /** Parameters, moments [p, m, v] and AMSGrad's w. */
  readonly state: readonly Variable[];
  /** Gradients that accumulate. */
  readonly sum?: Variable;
  /** The moving average of p. */
  readonly average?: Variable;
}

/** What a checkpoint keeps under one name: flat, in parts that follow each other. */
export interface AdamState {
  readonly name: string;
  readonly parts: readonly Variable[];
}

const ARENA_BYTES = 2 ** 27;

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

/**
 * The Adam optimizer (Kingma & Ba 2015) over f32 parameters, inside a traced step: `minimize(loss)` differentiates and
 * updates its own parameters, and no others.
 */
export class Adam {
  /** Learning rate of the next run is `rate · decay`. */
  rate: number;
  decay = 1;
  /** Runs done. Part of a checkpoint. */
  steps = 0;
  readonly name: string;
  /** All parameters in their order. */
  readonly arenas: readonly AdamArena[];
  /** What a checkpoint keeps beside the parameters and their average. */
  readonly state: AdamState[];
  /**
   * Of the latest trace: the norm of the whole gradient before clipping, summed over its updates; [1]. Not finite
   * where one did not happen.
   */
  norm?: Tensor;
  /** A scalar of the parameters that `gradients` adds to every loss; traced with it. */
  declare penalty?: () => Tensor;
  #traced?: object;
  readonly #attrs: AdamAttrs;
  readonly #control: Variable;

  /**
   * Adopts `parameters`: from now on they are slices of this optimizer's arenas, with the values that they have.
   * Each parameter belongs to one optimizer: one made earlier can no longer update those that it lost, and programs
   * that assign them must be compiled again. Throws UsageError for a parameter that is given twice or is not f32.
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
      name = "adam",
      arenaBytes = ARENA_BYTES,
    } = options;
    this.rate = rate;
    this.name = name;
    this.#attrs = { beta1: betas[0], beta2: betas[1], eps, decay: weightDecay };
    this.arenas = arenasOf(parameters, `${name}.p`, arenaBytes).map((p) => arenaWith(p, name, { ...options, amsgrad }));
    this.#control = new Variable([6], [0, 0, 1, 1, options.scaled ? SCALE.initial : 1, 0], {
      name: `${name}.control`,
      trainable: false,
    });
    const kept = (letter: string, of: (arena: AdamArena) => Variable | undefined): AdamState[] => {
      const parts = this.arenas.flatMap((arena) => of(arena) ?? []);
      return parts.length > 0 ? [{ name: `${name}.${letter}`, parts }] : [];
    };
    this.state = [
      ...kept("m", ({ state: [, m] }) => m),
      ...kept("v", ({ state: [, , v] }) => v),
      ...kept("w", ({ state: [, , , w] }) => w),
      { name: this.#control.name, parts: [this.#control] },
      ...kept("sum", ({ sum }) => sum),
    ];
  }

  /**
   * Gradients of `loss` with respect to this optimizer's parameters, in their order; times the loss's scale where
   * losses are scaled.
   */
  gradients(loss: Tensor): Tensor[] {
    const whole = this.penalty ? add(loss, this.penalty()) : loss;
    return grad(
      this.options.scaled ? mul(whole, reshape(at(this.#control.value, CONTROL.scale), loss.shape)) : whole,
      this.parameters.map((p) => p.value),
    );
  }

  /** Differentiates `loss` with respect to this optimizer's parameters alone and updates them. */
  minimize(loss: Tensor): void {
    this.update(this.gradients(loss));
  }

  /** Updates the parameters by their gradients, one of each parameter's shape. Throws UsageError outside a trace. */
  update(gradients: readonly Tensor[]): void {
    const trace = requireTrace("an optimizer's update");
    const { accumulate = 1 } = this.options;
    // Learning rate; whether this run ends an accumulation, and whether it goes on with one.
    const host = hostInput(`${this.name}.host`, [3], () => [
      this.rate * this.decay,
      Number((this.steps + 1) % accumulate === 0),
      Number(this.steps % accumulate !== 0),
    ]);
    const packed = this.#packed(gradients, equal(at(host, 2), 0));
    const scale = mul(at(this.#control.value, CONTROL.scale), accumulate);
    const norm = div(reshape(this.#lengthOf(packed), [1]), scale);
    this.norm = this.norm && this.#traced === trace ? add(this.norm, norm) : norm;
    this.#traced = trace;
    const { control, update } = this.#nextControl(host, norm, scale);
    this.#control.assign(control);
    this.#stepArenas(packed, host, update);
    trace.afterRun.push(() => void this.steps++);
  }

  /** The length of the whole gradient, a scalar; what stands between parameters is 0. */
  #lengthOf(packed: readonly Tensor[]): Tensor {
    return sqrt(packed.map((gradient) => sum(square(gradient))).reduce(add));
  }

  /**
   * What `control` [6] becomes, and whether this run updates, [1]: 1 where an accumulation ends and the gradient's norm
   * [1] is finite, else 0. The loss's scale changes only where an accumulation ends, so that what is summed has one.
   */
  #nextControl(host: Tensor, norm: Tensor, scale: Tensor): { control: Tensor; update: Tensor } {
    const { clip, scaled } = this.options;
    const { beta1, beta2 } = this.#attrs;
    const control = this.#control.value;
    const good = finite(norm);
    const update = where(good, at(host, 1), 0);
    const factor = div(clip === undefined ? 1 : minimum(1, div(clip, add(norm, 1e-6))), scale);
    const calm = at(control, CONTROL.calm);
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
    const values = [
      corrected(0, beta1),
      corrected(1, beta2),
      factor,
      update,
      ...(scaled ? [rescaled, calmed] : [now, calm]),
    ];
    return { control: values.reduceRight((rest, value, slot) => where(equal(i, slot), value, rest)), update };
  }

  /** Adam's step of each arena by what `control` says now, and that of its moving average. */
  #stepArenas(packed: readonly Tensor[], host: Tensor, update: Tensor): void {
    const { ema } = this.options;
    const control = this.#control.value;
    for (const [a, { state, average }] of this.arenas.entries()) {
      const values = state.map((v) => v.value);
      const stepped = adamStep(packed[a]!, host, control, values, this.#attrs);
      stepped.forEach((t, k) => state[k]!.assign(t));
      if (!average || ema === undefined) continue;
      const e = average.value;
      average.assign(add(e, mul(mul(update, 1 - ema), sub(state[0]!.value, e))));
    }
  }

  /**
   * What `f` gives with the moving averages in place of the parameters; with the parameters where there is no
   * average. Within a trace.
   */
  averaged<T>(f: () => T): T {
    return this.arenas.reduce<() => T>(
      (inner, { state: [p], average }) => (average ? () => substituted(p!, average.value, inner) : inner),
      f,
    )();
  }

  /** The gradient of each arena, flat; with what is accumulated, which is forgotten where `starts` holds. */
  #packed(gradients: readonly Tensor[], starts: Tensor): Tensor[] {
    let first = 0;
    return this.arenas.map(({ state: [p], sum }) => {
      const members = p!.members!;
      const own = gradients.slice(first, first + members.length);
      first += members.length;
      const offsets = members.map((m) => m.offset);
      const part = pack(own, offsets, p!.size);
      const g = ranks()?.meanGradient(part) ?? part;
      if (!sum) return g;
      const all = add(where(starts, 0, sum.value), g);
      sum.assign(all);
      return all;
    });
  }
}

/** What belongs to the arena `p` of the optimizer `name`. */
function arenaWith(p: Variable, name: string, { amsgrad, accumulate = 1, ema }: AdamOptions): AdamArena {
  const flat = (letter: string, initial: (() => ArrayLike<number>) | Variable): Variable =>
    new Variable(p.shape, initial, { name: p.name.replace(`${name}.p`, `${name}.${letter}`), trainable: false });
  const zeros = (letter: string): Variable => flat(letter, () => new Float32Array(p.size));
  return {
    state: [p, zeros("m"), zeros("v"), ...(amsgrad ? [zeros("w")] : [])],
    ...(accumulate > 1 && { sum: zeros("sum") }),
    ...(ema !== undefined && { average: flat("average", p) }),
  };
}

/** One number of a vector, [1]. */
const at = (x: Tensor, i: number): Tensor => slice(x, [[i, i + 1]]);
