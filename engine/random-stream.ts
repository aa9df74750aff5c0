// Random numbers that a module draws while it trains: dropout masks and noise. New at each run and each call, the
// same for one seed and step whatever else runs.
import { log, mul, sqrt, sub } from "./ops/elementwise.ts";
import { cos } from "./ops/transcendental.ts";
import { RandomStreams, randomUniform, stepKey } from "./random.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";
import { requireTrace } from "./trace.ts";

/** What a stream draws from until its module's `initialize` names it, as parameters do. */
const unnamed = new RandomStreams(0);
let streamsMade = 0;

/**
 * One stream of numbers, a field of the module that draws. `key` comes from the seed; `step` counts the runs that
 * drew, and belongs in a checkpoint. Without `initialize` the key is that of seed 0 and of how many streams were made
 * before.
 */
export class RandomStream {
  key: number;
  step = 0;
  /** Of the traces in progress: the key of the run, and how many calls have drawn. */
  readonly #drawn = new WeakMap<object, { key: Tensor; calls: number }>();
  constructor(key = unnamed.key("dropout", streamsMade++)) {
    this.key = key;
  }

  /** The u32 key of this run, and a salt that no other call of it has. Only within a trace. */
  draw(): { key: Tensor; salt: number } {
    const trace = requireTrace("a draw of random numbers");
    let state = this.#drawn.get(trace);
    if (!state) {
      state = { key: stepKey("random stream", this.key, () => this.step), calls: 0 };
      this.#drawn.set(trace, state);
      trace.afterRun.push(() => void this.step++);
    }
    return { key: state.key, salt: state.calls++ };
  }
}

/** N(0, 1) of `shape`, drawn from `stream`: Box–Muller, √(−2 ln u₁) cos 2πu₂. Only within a trace. */
export function randomNormal(shape: Shape, stream: RandomStream): Tensor {
  const radius = stream.draw();
  const angle = stream.draw();
  const u = sub(1, randomUniform(shape, radius.key, radius.salt));
  return mul(sqrt(mul(-2, log(u))), cos(mul(2 * Math.PI, randomUniform(shape, angle.key, angle.salt))));
}
