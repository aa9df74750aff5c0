// How far rounding alone may move a result. A ReLU or a max pool that stands within f32's rounding of its threshold may decide
// otherwise than PyTorch's f64; every gradient below it then differs by that element, in PyTorch's own f32 as well. So where a
// tensor misses the usual tolerance, the network itself is asked: its weights are moved by a few roundings of f32, at random,
// and what that moves the tensor by is its noise. A right result stays within twice
// that: PyTorch's own f32 does.
import { type Device, RandomStreams, type Variable } from "../../engine/index.ts";
import { norm } from "./comparison.ts";

type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Relative size of a move: four spacings of f32, which is what sums of some hundred terms are off by. */
const MOVE = 2 ** -21;
/** Networks with moved weights that are tried. */
const TRIALS = 8;
/** Times the noise that a tensor may be off by: of the hardest files none is off by more than once. */
export const ALLOWED = 2;

/** The largest ‖moved − base‖ of each tensor over networks whose `weights` are multiplied by 1 ± MOVE; the weights are put back. */
export async function roundingNoise(device: Device, weights: readonly Variable[], base: Values, run: () => Promise<Values>): Promise<Map<string, number>> {
  const noise = new Map<string, number>();
  const start: Float32Array[] = [];
  for (const v of weights) start.push(Float32Array.from(await device.read(v)));
  const streams = new RandomStreams(1);
  for (let trial = 0; trial < TRIALS; trial++) {
    weights.forEach((v, i) => {
      const key = streams.key(trial, i);
      device.write(v, start[i].map((w, k) => w * (RandomStreams.uniform(key, k) < 0.5 ? 1 - MOVE : 1 + MOVE)));
    });
    for (const [name, moved] of Object.entries(await run())) {
      noise.set(name, Math.max(noise.get(name) ?? 0, norm(Float64Array.from(moved, (m, k) => m - base[name][k]))));
    }
  }
  weights.forEach((v, i) => device.write(v, start[i]));
  return noise;
}
