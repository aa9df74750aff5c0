// Random numbers that a network draws while it trains: dropout masks and noise. New at each run and each call, the same for
// one seed and step whatever else runs.
import { Module, type Tensor, cos, currentTrace, log, mode, mul, dropout, randomUniform, reshape, sqrt, stepKey, sub } from "../engine/index.ts";

/** One network's numbers. `key` comes from the seed; `step` counts the runs that drew, and belongs in a checkpoint. */
export class RandomStream {
  key: number;
  step = 0;
  /** Of the traces in progress: the key of the run, and how many calls have drawn. */
  readonly #drawn = new WeakMap<object, { key: Tensor; calls: number }>();
  constructor(key = 0) {
    this.key = key;
  }

  /** The u32 key of this run, and a salt that no other call of it has. Only within a trace. */
  draw(): { key: Tensor; salt: number } {
    const trace = currentTrace();
    if (!trace) throw new Error("random numbers are drawn within device.compile() only");
    let state = this.#drawn.get(trace);
    if (!state) {
      state = { key: stepKey("random stream", this.key, () => this.step), calls: 0 };
      this.#drawn.set(trace, state);
      trace.afterRun.push(() => void this.step++);
    }
    return { key: state.key, salt: state.calls++ };
  }

  /** N(0, 1) of `shape`: Box–Muller, √(−2 ln u₁) cos 2πu₂. */
  normal(shape: readonly number[]): Tensor {
    const radius = this.draw(), angle = this.draw();
    const u = sub(1, randomUniform(shape, radius.key, radius.salt));
    return mul(sqrt(mul(-2, log(u))), cos(mul(2 * Math.PI, randomUniform(shape, angle.key, angle.salt))));
  }
}

/**
 * Dropout2d: whole channels of a sample are 0 with probability `rate`, the rest is scaled by 1/(1 − rate). Off at inference.
 * `mask` [N, C], where it is set, takes the place of random multipliers in every mode: to repeat what another program dropped.
 */
export class Dropout2d extends Module {
  mask?: Tensor;
  constructor(readonly rate: number, readonly random: RandomStream) {
    super();
    if (!(rate >= 0 && rate < 1)) throw new RangeError(`a dropout rate is a share below 1, not ${rate}`);
  }
  forward(x: Tensor): Tensor {
    if (this.mask) return mul(x, reshape(this.mask, [x.shape[0], ...x.shape.slice(1, -1).map(() => 1), x.shape[x.rank - 1]]));
    if (mode() !== "train" || this.rate === 0) return x;
    const { key, salt } = this.random.draw();
    return dropout(x, this.rate, key, { channels: true, salt });
  }
}

