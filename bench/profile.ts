// A network of the bench as what the lab profiles.
import {
  Device,
  type Feeds,
  type GpuSource,
  type Module,
  type Tensor,
  RandomStreams,
  UsageError,
} from "../engine/index.ts";
import { type ProfileOptions, profileOf } from "../lab/profile.ts";
import type { Subject } from "../lab/subject.ts";
import type { Timeline } from "../lab/timeline.ts";
import { Adam } from "../train/adam.ts";
import type { NetworkPass, Scale } from "./cases/network-cases.ts";
import { TIMED, type TimedNetwork } from "./cases/networks.ts";
import { uniform } from "./measure/statistics.ts";

export interface TimelineRequest extends Scale {
  /** A name of `TIMED`. */
  readonly network: string;
  readonly pass: NetworkPass;
}

function subjectOf(network: TimedNetwork, pass: NetworkPass, { size, batch, share }: Scale): Subject {
  const shape = [batch, size, size, 1];
  const training = pass === "training";
  const make = (): Module => network.make(share).initialize(new RandomStreams(1), network.name);
  const images = (seed: number): Float32Array => uniform(batch * size * size, seed);
  return {
    name: `${network.name} ${training ? "training step" : "inference"} @${size}×${size} ×${batch}${share === 1 ? "" : ` width ×${share}`}`,
    mode: training ? "train" : "infer",
    inputs: training ? { x: shape, t: shape } : { x: shape },
    feeds: (): Feeds => (training ? { x: images(5), t: images(6).map((v) => Number(v > 0.4)) } : { x: images(5) }),
    make() {
      const module = make();
      const adam = training ? new Adam(module.parameters(), { rate: 1e-3 }) : undefined;
      return {
        modules: { [network.name]: module },
        compute({ x, t }): Readonly<Record<string, Tensor>> {
          const y = network.forward(module, x!);
          if (!adam) return { y };
          const loss = network.loss(y, t!);
          adam.minimize(loss);
          return { loss };
        },
      };
    },
  };
}

/**
 * Profiles a network on a device of its own. Throws UsageError where there is no such network, and as `profileOf`
 * does.
 */
export async function timelineOf(
  source: GpuSource,
  { network, pass, ...scale }: TimelineRequest,
  options: ProfileOptions,
): Promise<Timeline> {
  const timed = TIMED.find(({ name }) => name === network);
  if (!timed) throw new UsageError(`there is no network "${network}": ${TIMED.map(({ name }) => name).join(", ")}`);
  using device = await Device.open(source);
  return await profileOf(device, subjectOf(timed, pass, scale), options);
}
