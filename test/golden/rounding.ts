// How far rounding alone may move a result. A ReLU or a max pool that stands within f32's rounding of its threshold
// may decide otherwise than PyTorch's f64; every gradient below it then differs by that element, in PyTorch's own f32
// as well. So where a tensor misses the usual tolerance, the network itself is asked: its weights are moved by a few
// roundings of f32, at random, and what that moves the tensor by is its noise. A right result stays within twice
// that.
import { type Device, RandomStreams, type Variable } from "../../engine/index.ts";
import { Comparison, norm } from "./comparison.ts";

type Values = Readonly<Record<string, ArrayLike<number>>>;

/** Relative size of a move: four spacings of f32, which is what sums of some hundred terms are off by. */
const MOVE = 2 ** -21;
/** Networks with moved weights that are tried. */
const TRIALS = 8;
/** Times the noise that a tensor may be off by: of the hardest files none is off by more than once. */
const ALLOWED = 2;

/**
 * The largest ‖moved − base‖ of each tensor over networks whose `weights` are multiplied by 1 ± MOVE; the weights are
 * put back.
 */
async function roundingNoise(
  device: Device,
  weights: readonly Variable[],
  base: Values,
  run: () => Promise<Values>,
): Promise<Map<string, number>> {
  const noise = new Map<string, number>();
  const start: Float32Array[] = [];
  for (const v of weights) start.push(Float32Array.from(await device.read(v)));
  const streams = new RandomStreams(1);
  for (let trial = 0; trial < TRIALS; trial++) {
    weights.forEach((v, i) => {
      const key = streams.key(trial, i);
      device.write(
        v,
        start[i]!.map((w, k) => w * (RandomStreams.uniform(key, k) < 0.5 ? 1 - MOVE : 1 + MOVE)),
      );
    });
    for (const [name, moved] of Object.entries(await run())) {
      noise.set(name, Math.max(noise.get(name) ?? 0, norm(Float64Array.from(moved, (m, k) => m - base[name]![k]!))));
    }
  }
  weights.forEach((v, i) => device.write(v, start[i]!));
  return noise;
}

/**
 * One tensor: its name among the values, what PyTorch has, the usual tolerance, and what stands in for ‖want‖ where
 * that is smaller.
 */
export type Check = (key: string, want: ArrayLike<number>, usual: number, floor?: number) => void;

/** Makes `checks` on `got`; where some fail, against rounding's own effect on what `run` gives for moved `weights`. */
export async function checkRounded(
  c: Comparison,
  device: Device,
  got: Values,
  checks: (check: Check) => void,
  weights: readonly Variable[],
  run: () => Promise<Values>,
): Promise<void> {
  const usual = new Comparison();
  checks((key, want, tolerance, floor) => usual.check(key, got[key] ?? [], want, tolerance, floor));
  const noise = usual.failures.length ? await roundingNoise(device, weights, got, run) : undefined;
  if (noise)
    c.notes.push(
      `${usual.failures.length} tensors beyond the usual tolerance are held against what rounding moves them by; ` +
        `${usual.failures[0]}`,
    );
  checks((key, want, tolerance, floor = 0) => {
    const scale = Math.max(norm(want), floor);
    c.check(
      key,
      got[key] ?? [],
      want,
      noise && scale > 0 ? Math.max(tolerance, (ALLOWED * (noise.get(key) ?? 0)) / scale) : tolerance,
      floor,
    );
  });
}
