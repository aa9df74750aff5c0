// A compiled program: a run writes inputs, replays the dispatches, submits once, and makes nothing.
import { DISPOSE } from "../dispose.ts";
import { UsageError } from "../errors.ts";
import { type KernelTime, requireTimestamps, timeDispatches } from "../gpu/profiler.ts";
import { bytesOf } from "../gpu/gpu.ts";
import type { Pace } from "../pace.ts";
import { type Built, type ProgramParts, build } from "./build.ts";
import { Explanation, explainDispatch, summaryOf } from "./explain.ts";
import { type CallerBuffer, isCallerBuffer } from "./caller-buffers.ts";
import { type BufferFeeds, type Feeds, HostBuffer, writeInputs } from "./inputs.ts";
import { KeptAside } from "./kept-aside.ts";
import { type Replay, encodeReplays, timedOf } from "./replays.ts";
import type { Staging } from "./staging.ts";
import { Results, type Values } from "./results.ts";

export type { CallerBuffer } from "./caller-buffers.ts";
export type { BufferFeeds, Feeds } from "./inputs.ts";
export type { Values } from "./results.ts";

export interface ProgramStats {
  readonly dispatches: number;
  /** Distinct pipelines of this program. */
  readonly pipelines: number;
  readonly bindGroups: number;
  readonly buffers: number;
  /**
   * Bytes of GPU memory: variables (shared with other programs), activations (shared slots), and all of this
   * program's.
   */
  readonly variableBytes: number;
  readonly activationBytes: number;
  readonly bytes: number;
  /** No plan can hold less than this for activations. */
  readonly lowerBoundBytes: number;
  readonly runs: number;
  readonly submits: number;
}

/** The parts of a program, as they are now. */
export interface OpenedProgram {
  readonly parts: ProgramParts;
  readonly made: Built;
  /** The dispatches of a run in their order; the last one tells that it was executed. */
  readonly replays: readonly Replay[];
  /** Writes what the host feeds into the next run: inputs of its own and the run's number. */
  writeHost(): void;
  /** Encodes all replays, and the copies behind them. */
  encode(encoder: GPUCommandEncoder): void;
}

/** Commands of a run, and where the results wait that they copy out. */
interface EncodedRun {
  readonly commands: GPUCommandBuffer;
  readonly staging: Staging;
}

export interface EncodeOptions<O extends string> {
  /** Where outputs are copied to, by their names. */
  readonly into?: { readonly [K in O]?: CallerBuffer };
}

/**
 * A compiled function: run(feeds) writes its inputs and submits one replay, read() waits for its outputs by name. Made
 * by `device.compile`.
 */
export class Program<O extends string = string> {
  readonly name: string;
  readonly #parts: ProgramParts;
  readonly #made: Built;
  #replays: readonly Replay[];
  /** How often the device had moved variables when the replays were bound. */
  #moves: number;
  readonly #host: HostBuffer;
  readonly #results: Results<O>;
  /** The next run, where it was encoded before it is asked for. */
  #ahead: EncodedRun | undefined;
  #runs = 0;
  #times: readonly KernelTime[] = [];
  #submits = 0;
  #disposed = false;

  private constructor(parts: ProgramParts, made: Built) {
    this.name = parts.name;
    this.#parts = parts;
    this.#made = made;
    this.#replays = made.replays;
    this.#moves = made.moves;
    this.#host = new HostBuffer(parts, made.host);
    this.#results = new Results(parts, made);
    parts.gpu.counters.bindGroups += made.replays.length;
  }

  /** Makes pipelines (in parallel), buffers and bind groups. */
  static async create<O extends string>(parts: ProgramParts, pace: Pace): Promise<Program<O>> {
    return new Program<O>(parts, await build(parts, pace));
  }

  /**
   * Writes the inputs and submits one run; returns at once. Inputs on the GPU already, in the caller's own buffers,
   * are copied there. Throws UsageError or ShapeError on wrong inputs, and what the GPU reported. `replays` are for
   * ExchangedProgram: what is left of a run that it began.
   */
  run(feeds: Feeds = {}, replays?: readonly Replay[]): void {
    const { gpu, afterRun, name, variables } = this.#parts;
    this.#checkUsable();
    this.#followVariables();
    const staging = gpu.guarded(name, () => {
      const encoder = gpu.device.createCommandEncoder({ label: name });
      writeInputs(this.#parts, this.#made.places, feeds, encoder);
      this.#host.write(this.#runs);
      const ahead = replays ? undefined : this.#ahead;
      if (!ahead) {
        const waiting = this.#encodeRun(encoder, replays ?? this.#replays);
        gpu.submit(encoder.finish());
        return waiting;
      }
      this.#ahead = undefined;
      gpu.submit(encoder.finish(), ahead.commands);
      return ahead.staging;
    });
    this.#submits++;
    this.#runs++;
    this.#results.submitted(staging);
    for (const v of this.#made.changes) variables.changed(v);
    for (const f of afterRun) f();
  }

  /**
   * Encodes the next run's commands now, so that `run` has only to write the inputs and submit: to be called while the
   * GPU works on the run before. Changes nothing else. Throws as `run`.
   */
  encodeAhead(): void {
    this.#checkUsable();
    this.#followVariables();
    const { gpu } = this.#parts;
    this.#ahead ??= gpu.guarded(this.name, () => {
      const encoder = gpu.device.createCommandEncoder({ label: this.name });
      const staging = this.#encodeRun(encoder, this.#replays);
      return { commands: encoder.finish(), staging };
    });
  }

  /** Encodes the next run without its inputs; gives where its results will wait. */
  #encodeRun(encoder: GPUCommandEncoder, replays: readonly Replay[]): Staging {
    this.#encode(encoder, replays);
    this.#encodeCopies(encoder);
    return this.#results.encode(encoder, this.#runs);
  }

  /**
   * Puts a run into the caller's command encoder, between its passes, and copies of outputs into the caller's own
   * buffers; nothing is submitted, written or mapped here. Inputs are buffers of this device, read when
   * the caller submits: of several runs in one submit each sees what the buffers hold at its place in the queue.
   *
   * Such a run is not counted and not checked: errors reach the caller's own error scopes and device.lost, and numbers
   * that are not finite go unnoticed. `read` still gives what the last `run` computed, except for large outputs, which
   * the encoded run overwrites. Until the submit, do not dispose of the program, and make no optimizer for its
   * variables.
   *
   * Throws UsageError where the program changes variables, or is fed by the host in each run (random numbers, rates):
   * only `run` does that; UsageError and ShapeError on wrong inputs and targets.
   */
  encode(encoder: GPUCommandEncoder, feeds: BufferFeeds = {}, { into = {} }: EncodeOptions<O> = {}): void {
    const { name, plan, inputs, afterRun } = this.#parts;
    this.#checkUsable();
    const changed = this.#made.changes[0];
    if (changed || afterRun.length > 0 || plan.hostInputs.length > 0) {
      const why = changed ? `changes ${changed.name || "a variable"}` : "is fed by the host in each run";
      throw new UsageError(`program ${name} ${why}, so it can't be encoded; give it to run()`);
    }
    const numbers = [...inputs.keys()].find((key) => feeds[key] && !isCallerBuffer(feeds[key]));
    if (numbers !== undefined)
      throw new UsageError(`program ${name}: encode() takes buffers alone; give input "${numbers}" to run()`);
    const targets = this.#results.targets(into);
    this.#followVariables();
    writeInputs(this.#parts, this.#made.places, feeds, encoder);
    // The last dispatch marks a run as executed; an encoded run needs no mark.
    this.#encode(encoder, this.#replays.slice(0, -1));
    this.#results.encodeInto(encoder, targets);
  }

  /**
   * Resolves when another run may be submitted without piling up work: once at most RUNS_AHEAD − 1 = 2 are under way.
   * Not needed by a loop that reads every run; one that does not read would run ahead without bound, and slow down.
   */
  ready(): Promise<void> {
    return this.#results.ready(this.#runs);
  }

  /** Values of the latest run's outputs (all, or those named). The run counts only once this resolves. */
  read<K extends O = O>(...names: K[]): Promise<Values<K>> {
    return this.#results.read(names);
  }

  /**
   * As read(), of the run `back` runs before the latest, 0 … 2: waits for that run alone, so that the GPU goes on
   * with the later ones. Outputs of at most 4096 bytes only; larger ones stand as the latest run left them.
   */
  async readEarlier<K extends O = O>(back: number, ...names: K[]): Promise<Values<K>> {
    return this.#results.readEarlier(this.#runs - 1 - back, back, names);
  }

  /**
   * What the GPU takes for each dispatch of a run with these feeds. It is no run: variables, random streams, counters
   * and what `read` gives stay as they were; meanwhile a copy of the variables that a run writes is kept on the GPU.
   * The dispatches go twice, and the second time counts: drivers compile in a first run. Throws UsageError without
   * timestamp-query, OutOfMemoryError, and as `run` does.
   */
  async profile(feeds: Feeds = {}): Promise<KernelTime[]> {
    const { gpu, name } = this.#parts;
    this.#checkUsable();
    requireTimestamps(gpu);
    const kept = await KeptAside.reserve(this.#parts, this.#made.places, this.#made.changes);
    try {
      // From here on everything is submitted before anything is awaited: no run of another program comes between.
      this.#checkUsable();
      this.#followVariables();
      kept.take();
      let times: Promise<KernelTime[]>;
      try {
        gpu.guarded(name, () => {
          const encoder = gpu.device.createCommandEncoder({ label: `${name}: profile` });
          writeInputs(this.#parts, this.#made.places, feeds, encoder);
          this.#host.write(this.#runs);
          this.#encode(encoder, this.#replays);
          gpu.submit(encoder.finish());
        });
        times = this.#timed();
      } finally {
        kept.restore();
      }
      this.#times = await times;
    } finally {
      kept.dispose();
    }
    return [...this.#times];
  }

  /** The dispatches once more, each timed. */
  #timed(): Promise<KernelTime[]> {
    return timeDispatches(this.#parts.gpu, this.#replays.map(timedOf));
  }

  /** What a run is made of: for what looks into a program from outside. Throws UsageError. */
  opened(): OpenedProgram {
    this.#checkUsable();
    this.#followVariables();
    return {
      parts: this.#parts,
      made: this.#made,
      replays: this.#replays,
      writeHost: () => this.#host.write(this.#runs),
      encode: (encoder) => {
        this.#encode(encoder, this.#replays);
        this.#encodeCopies(encoder);
      },
    };
  }

  /** Counts of what the program is made of, and of its runs. */
  stats(): ProgramStats {
    const { plan } = this.#parts;
    const { stagingBytes, stagingCount } = this.#results;
    const variableBytes = plan.storages.filter((s) => s.kind === "variable").reduce((n, s) => n + s.bytes, 0);
    return {
      dispatches: this.#replays.length,
      pipelines: new Set(this.#replays.map((r) => r.pipeline)).size,
      bindGroups: this.#replays.length,
      buffers: this.#made.owned.length + stagingCount,
      variableBytes,
      activationBytes: plan.slotBytes.reduce((n, b) => n + b, 0),
      bytes: variableBytes + this.#made.owned.reduce((n, made) => n + bytesOf(made), 0) + stagingBytes,
      lowerBoundBytes: plan.lowerBoundBytes,
      runs: this.#runs,
      submits: this.#submits,
    };
  }

  /**
   * What each dispatch computes, by which kernel, how much, and what it fused; with times once profile() took them.
   * toString() is a table.
   */
  explain(): Explanation {
    return new Explanation(
      this.name,
      this.#replays.map(({ dispatch }, i) => explainDispatch(dispatch, this.#times[i]?.timeUs)),
      summaryOf(this.#parts.estimate),
    );
  }

  /** Frees the program's buffers; variables stay with their device. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { gpu, onDispose } = this.#parts;
    for (const made of this.#made.owned) gpu.destroy(made);
    gpu.counters.bindGroups -= this.#replays.length;
    this.#results.dispose();
    onDispose?.();
  }
  [DISPOSE](): void {
    this.dispose();
  }

  /** Binds variables where they are, if some were moved since. Throws UsageError where this program changes them. */
  #followVariables(): void {
    const { moves } = this.#parts.variables;
    if (this.#moves === moves) return;
    this.#replays = this.#made.rebind();
    this.#ahead = undefined;
    this.#moves = moves;
  }

  #checkUsable(): void {
    if (this.#disposed) throw new UsageError(`program ${this.name} was disposed`);
    this.#parts.gpu.check();
  }

  #encode(encoder: GPUCommandEncoder, replays: readonly Replay[]): void {
    encodeReplays(encoder, replays, this.name);
  }

  #encodeCopies(encoder: GPUCommandEncoder): void {
    for (const { from, to, bytes } of this.#parts.plan.copies) {
      if (bytes === 0) continue;
      const { places } = this.#made;
      const source = places.get(from.storage)!;
      const target = places.get(to.storage)!;
      const at = target.offset + to.offset;
      encoder.copyBufferToBuffer(source.buffer, source.offset + from.offset, target.buffer, at, bytes);
    }
  }
}
