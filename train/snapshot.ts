// What any training goes on from, held on the host: values and counters of networks and optimizers. With it a step that
// went bad, or a device that was lost, costs the steps since.
import { type Device, type Module, type RandomStream, type TypedArray, UsageError, Variable } from "../engine/index.ts";
import { modulesOf } from "../models/blocks.ts";
import { Adam } from "./adam.ts";
import { ImagePool } from "./translators/image-pool.ts";

/** What training changes: a network with its running statistics and streams, an optimizer, or a variable alone. */
export type Trained = Module | Adam | Variable;

/** Values and counters as they were when `snapshot` was called. */
export class Snapshot {
  constructor(
    readonly values: ReadonlyMap<Variable, TypedArray>,
    /** Puts the host's counters back. */
    readonly counters: readonly (() => void)[],
  ) {}

  /**
   * Makes them the values on `device`, and the counters those of then. On a device that has no programs of them yet,
   * compile these afterwards; steps then go on as from the snapshot, to the bit on the same adapter. May be called
   * again and on several devices.
   */
  restore(device: Device): void {
    for (const [variable, data] of this.values) device.write(variable, data);
    for (const put of this.counters) put();
  }
}

/**
 * Reads what `trained` holds on `device`: networks, optimizers (parameters, moments, averages, steps), variables. No
 * run may change them before it resolves. Throws DeviceLostError where the device is gone, and what else the GPU
 * reported.
 */
export async function snapshot(device: Device, ...trained: readonly Trained[]): Promise<Snapshot> {
  const variables = new Set(trained.flatMap(variablesOf));
  // A member of an arena comes with it.
  const apart = [...variables].filter((v) => !v.arena || !variables.has(v.arena.variable));
  const counters = trained.flatMap(countersOf);
  const data = await device.readAll(apart);
  return new Snapshot(new Map(apart.map((v, i) => [v, data[i]!])), counters);
}

function variablesOf(part: Trained): readonly Variable[] {
  if (part instanceof Variable) return [part];
  if (part instanceof Adam) {
    const arenas = part.arenas.flatMap(({ state, average }) => (average ? [...state, average] : state));
    return [...arenas, ...part.state.flatMap(({ parts }) => parts)];
  }
  if (typeof part?.variables === "function") return [...part.variables().values()];
  throw new UsageError("snapshot takes networks (Module), optimizers (Adam) and variables");
}

/** What puts the counters of a part back to what they are now. */
function countersOf(part: Trained): readonly (() => void)[] {
  if (part instanceof Variable) return [];
  if (part instanceof Adam) {
    const { steps, rate, decay } = part;
    return [() => Object.assign(part, { steps, rate, decay })];
  }
  const streams = [...part.randomStreams().values()].map((stream: RandomStream) => {
    const { step } = stream;
    return () => {
      stream.step = step;
    };
  });
  const pools = [...modulesOf(part).values()]
    .filter((m) => m instanceof ImagePool)
    .map((pool) => {
      const { seen } = pool;
      return () => {
        pool.seen = seen;
      };
    });
  return [...streams, ...pools];
}
