// A program with sums over ranks, run in pieces: what is to be summed is read back, summed by whoever connects the
// ranks, and written to where the sum belongs. Dispatches that need no sum under way go on meanwhile, so their order is
// not quite the program's: one is put off where it binds what a sum or a dispatch that was put off writes.
import { acrossRanks } from "../../kernels/map/across-ranks.ts";
import { type Replay, encodeReplays } from "./replays.ts";
import { entryOf } from "./build.ts";
import { type Feeds, writeInputs } from "./inputs.ts";
import type { OpenedProgram, Program } from "./program.ts";

/**
 * Gives the sum over all ranks of `values`, in numbers of its own; `isGradient` where fewer bits of each will do. Calls
 * come in the same order on every rank; several may be under way at once.
 */
export type Exchange = (values: Float32Array<ArrayBuffer>, isGradient: boolean) => Promise<Float32Array<ArrayBuffer>>;

/** A sum: where it stands, in bytes. */
interface Sum {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
  readonly isGradient: boolean;
}

/** Dispatches that are submitted together, and the sums that begin behind them. */
interface Piece {
  readonly replays: Replay[];
  readonly sums: Sum[];
}

/** What comes before the last of a run's submits: the pieces of a round wait for none of its sums. */
interface Schedule {
  readonly replays: readonly Replay[];
  readonly rounds: readonly (readonly Piece[])[];
  readonly last: readonly Replay[];
}

/** A sum of so many bytes begins at once; smaller ones wait for company. */
const LARGE = 2 ** 16;

/**
 * A program whose runs stop where a sum over ranks is needed, and go on once `exchange` gave it. Outputs are read from
 * `program`, as of any run.
 */
export class ExchangedProgram<O extends string = string> {
  #schedule: Schedule;
  readonly #stagings = new Map<Piece, GPUBuffer>();

  constructor(
    readonly program: Program<O>,
    readonly exchange: Exchange,
  ) {
    this.#schedule = scheduleOf(program.opened());
  }

  /** How many numbers are summed at a time, in the order of a run, and whether they are a gradient's. */
  get sums(): readonly { readonly count: number; readonly isGradient: boolean }[] {
    return this.#schedule.rounds.flat().flatMap(({ sums }) =>
      [false, true].flatMap((isGradient) => {
        const bytes = bytesOf(sums.filter((s) => s.isGradient === isGradient));
        return bytes > 0 ? [{ count: bytes / 4, isGradient }] : [];
      }),
    );
  }

  /** How often a run waits. */
  get rounds(): number {
    return this.#schedule.rounds.length;
  }

  /**
   * Does one run, of which the program then knows as of any other: read() gives its outputs. What it writes first is
   * submitted before this returns. Throws as `Program.run`, and what `exchange` throws: then the run is lost, and some
   * of the program's variables may have been changed by it.
   */
  async run(feeds: Feeds = {}): Promise<void> {
    const opened = this.program.opened();
    const { parts, made, replays } = opened;
    if (replays !== this.#schedule.replays) {
      this.#forget();
      this.#schedule = scheduleOf(opened);
    }
    const { gpu, name } = parts;
    let begun: Promise<unknown> = Promise.resolve();
    let isFirst = true;
    for (const round of this.#schedule.rounds) {
      const sums: Promise<void>[] = [];
      for (const piece of round) {
        const staging = this.#stagingOf(piece, opened);
        gpu.guarded(name, () => {
          const encoder = gpu.device.createCommandEncoder({ label: name });
          if (isFirst) {
            writeInputs(parts, made.places, feeds, encoder);
            opened.writeHost();
            isFirst = false;
          }
          encodeReplays(encoder, piece.replays, name);
          let at = 0;
          for (const { buffer, offset, bytes } of piece.sums) {
            encoder.copyBufferToBuffer(buffer, offset, staging!, at, bytes);
            at += bytes;
          }
          gpu.submit(encoder.finish());
        });
        if (!staging) continue;
        const before = begun;
        const values = gpu.map(staging).then(() => before);
        const exchanged = values.then(() => ({ done: this.#sum(piece, staging, opened) }));
        begun = exchanged;
        sums.push(exchanged.then(({ done }) => done));
      }
      await Promise.all(sums);
    }
    this.program.run(feeds, this.#schedule.last);
  }

  /** Frees what is read back by; the program stays. */
  dispose(): void {
    this.#forget();
  }

  /** Sums what `staging` holds, and writes it to where the piece's sums stand. Begins at once. */
  async #sum({ sums }: Piece, staging: GPUBuffer, { parts: { gpu } }: OpenedProgram): Promise<void> {
    const mapped = staging.getMappedRange();
    let at = 0;
    const under = [false, true].flatMap((isGradient) => {
      const own = sums.filter((s) => s.isGradient === isGradient);
      const bytes = bytesOf(own);
      if (bytes === 0) return [];
      const values = new Float32Array(mapped, at, bytes / 4);
      at += bytes;
      return [{ own, summed: this.exchange(values, isGradient) }];
    });
    try {
      for (const { own, summed } of under) {
        const { buffer: data, byteOffset } = await summed;
        let from = byteOffset;
        for (const { buffer, offset, bytes } of own) {
          gpu.device.queue.writeBuffer(buffer, offset, data, from, bytes);
          from += bytes;
        }
      }
    } finally {
      staging.unmap();
    }
  }

  #stagingOf(piece: Piece, { parts: { gpu, name } }: OpenedProgram): GPUBuffer | undefined {
    if (piece.sums.length === 0) return undefined;
    const known = this.#stagings.get(piece);
    if (known) return known;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const staging = gpu.guarded(name, () => gpu.createBuffer(bytesOf(piece.sums), usage, `${name}: sums over ranks`));
    this.#stagings.set(piece, staging);
    return staging;
  }

  #forget(): void {
    const { gpu } = this.program.opened().parts;
    for (const staging of this.#stagings.values()) gpu.destroy(staging);
    this.#stagings.clear();
  }
}

const bytesOf = (sums: readonly Sum[]): number => sums.reduce((n, { bytes }) => n + bytes, 0);

/** A run of a buffer that a dispatch binds. */
interface Bound {
  readonly buffer: GPUBuffer;
  readonly from: number;
  readonly to: number;
  readonly writes: boolean;
}

function scheduleOf({ parts, made, replays }: OpenedProgram): Schedule {
  const boundBy = ({ dispatch }: Replay): Bound[] =>
    dispatch.memory.map((m) => {
      const { buffer, offset = 0, size } = entryOf(parts.plan, made.places, m).resource;
      return { buffer, from: offset, to: offset + size, writes: m.access === "read_write" };
    });
  const sumOf = ({ dispatch: { kernel, memory, params } }: Replay): Sum | undefined => {
    if (kernel.name !== acrossRanks.name) return undefined;
    const { memory: y } = memory.find((m) => m.access === "read_write")!;
    const { storage, offset } = parts.plan.place(y);
    const place = made.places.get(storage)!;
    return {
      buffer: place.buffer,
      offset: place.offset + offset,
      bytes: 4 * Number(params.n),
      isGradient: params.gradient === true,
    };
  };
  const rounds: Piece[][] = [];
  // The closing dispatch tells that all others were executed.
  const closing = replays.slice(-1);
  let left: readonly Replay[] = replays.slice(0, -1);
  for (;;) {
    const later: Replay[] = [];
    const touched = new Touched();
    const pieces: Piece[] = [];
    let piece: Piece = { replays: [], sums: [] };
    /** How many of the piece's dispatches its sums wait for. */
    let needed = 0;
    for (const replay of left) {
      const bound = boundBy(replay);
      if (touched.meets(bound)) {
        touched.add(bound);
        later.push(replay);
        continue;
      }
      piece.replays.push(replay);
      const sum = sumOf(replay);
      if (!sum) continue;
      touched.add(bound.filter(({ writes }) => writes));
      piece.sums.push(sum);
      needed = piece.replays.length;
      if (sum.bytes < LARGE) continue;
      pieces.push(piece);
      piece = { replays: [], sums: [] };
      needed = 0;
    }
    if (pieces.length === 0 && piece.sums.length === 0)
      return { replays, rounds, last: [...piece.replays, ...closing] };
    const rest = piece.replays.splice(piece.sums.length > 0 ? needed : piece.replays.length);
    piece.sums.sort((a, b) => Number(a.isGradient) - Number(b.isGradient));
    for (const p of [piece, { replays: rest, sums: [] }]) if (p.replays.length > 0) pieces.push(p);
    for (const { sums } of pieces) sums.sort((a, b) => Number(a.isGradient) - Number(b.isGradient));
    rounds.push(pieces);
    left = later;
  }
}

/** The runs of buffers that what was put off reads and writes. */
class Touched {
  readonly #read = new Map<GPUBuffer, [from: number, to: number][]>();
  readonly #written = new Map<GPUBuffer, [from: number, to: number][]>();

  /**
   * Whether one of these must wait: it reads what is yet to be written, or writes what is yet to be read or written.
   */
  meets(bound: readonly Bound[]): boolean {
    const within = (runs: [from: number, to: number][] | undefined, { from, to }: Bound): boolean =>
      runs?.some((run) => from < run[1] && run[0] < to) ?? false;
    return bound.some(
      (b) => within(this.#written.get(b.buffer), b) || (b.writes && within(this.#read.get(b.buffer), b)),
    );
  }

  add(bound: readonly Bound[]): void {
    for (const { buffer, from, to, writes } of bound) {
      const all = writes ? this.#written : this.#read;
      const runs = all.get(buffer) ?? [];
      const apart = runs.filter((run) => to < run[0] || run[1] < from);
      const met = runs.filter((run) => !apart.includes(run));
      apart.push([Math.min(from, ...met.map((run) => run[0])), Math.max(to, ...met.map((run) => run[1]))]);
      all.set(buffer, apart);
    }
  }
}
