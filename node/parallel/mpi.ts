// The ranks of an MPI job. All calls of MPI are made by this thread and return at once; what is under way is asked
// after until it is done, so that timers, signals and the GPU are served meanwhile.
import type { Ranks } from "../../train/ranks.ts";
import { CommandError } from "../errors.ts";
import type { Launch } from "./launcher.ts";
import { type Handle, type MpiLibrary, type Room, loadMpi, room } from "./library.ts";

/** Requests are asked after without a pause for so long after one of them was done, then once a millisecond. */
const EAGER_MS = 2;
/** A rank tells its neighbour so often that it lives, and is given up after so long without a word. */
const BEAT_SECONDS = 2;
const SILENT_SECONDS = 120;
/** How often that is looked at. */
const LOOK_SECONDS = 0.5;
const BEAT_TAG = 7;

/** A call under way, and who waits for it. */
interface Waiting {
  readonly request: Room;
  /** What MPI reads meanwhile. */
  readonly from: ArrayBufferView;
  readonly done: () => void;
}

export class MpiRanks implements Ranks {
  readonly #status = new Uint8Array(new ArrayBuffer(64));
  readonly #waiting = new Set<Waiting>();
  #isAsking = false;
  #beats: NodeJS.Timeout | undefined;
  #heard: Room | undefined;

  private constructor(
    readonly mpi: MpiLibrary,
    readonly rank: number,
    readonly size: number,
    /** Among the processes of this machine. */
    readonly localRank: number,
    /** Handles of two groups of the same ranks: for beats, and for farewells. */
    readonly aside: { readonly beats: Handle; readonly farewell: Handle },
  ) {}

  /** Joins the job that `launch` tells of. Throws PackageMissingError without koffi, CommandError without MPI. */
  static async join(launch: Launch): Promise<MpiRanks> {
    const mpi = await loadMpi(launch.kind);
    mpi.Init(null, null);
    const numberOf = (ask: (place: [number]) => number): number => {
      const place: [number] = [0];
      ask(place);
      return place[0];
    };
    const rank = numberOf((place) => mpi.Comm_rank(mpi.world, place));
    const size = numberOf((place) => mpi.Comm_size(mpi.world, place));
    if (size !== launch.size)
      throw new CommandError(
        "usage",
        `the launcher started ${launch.size} processes, and ${mpi.version} knows of ${size}: it is another MPI's library; ` +
          "use the mpirun that goes with it, or name the right file by CMEDL_MPI",
      );
    const group = (): Handle => {
      const made = room();
      mpi.Comm_dup(mpi.world, made);
      return mpi.handleIn(made);
    };
    return new MpiRanks(mpi, rank, size, launch.localRank, { beats: group(), farewell: group() });
  }

  async sum(values: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    return this.#summed(values, this.mpi.world);
  }

  async allToAll(values: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>> {
    const { mpi, size } = this;
    const from = outside(values);
    const to = new Uint16Array(new ArrayBuffer(values.byteLength));
    const bytes = values.byteLength / size;
    await this.#call(from, (request) => mpi.Ialltoall(from, bytes, mpi.byte, to, bytes, mpi.byte, mpi.world, request));
    return to;
  }

  async allGather(values: Uint16Array<ArrayBuffer>): Promise<Uint16Array<ArrayBuffer>> {
    const { mpi, size } = this;
    const from = outside(values);
    const to = new Uint16Array(new ArrayBuffer(size * values.byteLength));
    const bytes = values.byteLength;
    await this.#call(from, (request) => mpi.Iallgather(from, bytes, mpi.byte, to, bytes, mpi.byte, mpi.world, request));
    return to;
  }

  /**
   * From now on this rank signals the next one that it lives, and listens to the one before: `onSilence` gets the
   * rank that was silent for two minutes. The launcher notices at once when a rank's process ends.
   */
  watch(onSilence: (rank: number) => void): void {
    const { mpi, rank, size } = this;
    const [before, next] = [(rank + size - 1) % size, (rank + 1) % size];
    const beat = new Uint8Array(new ArrayBuffer(16));
    const word = new Uint8Array(new ArrayBuffer(16));
    const listen = (): void => {
      this.#heard = room();
      mpi.Irecv(word, 1, mpi.byte, before, BEAT_TAG, this.aside.beats, this.#heard);
    };
    // Looks are counted, not seconds: while this process is busy itself it hears nobody.
    let silentLooks = 0;
    let lastTold = 0;
    let telling: Room | undefined;
    listen();
    this.#beats = setInterval(() => {
      const now = performance.now();
      silentLooks++;
      while (this.#isDone(this.#heard!)) {
        silentLooks = 0;
        listen();
      }
      if ((!telling || this.#isDone(telling)) && now - lastTold > 1000 * BEAT_SECONDS) {
        telling = room();
        mpi.Isend(beat, 1, mpi.byte, next, BEAT_TAG, this.aside.beats, telling);
        lastTold = now;
      }
      if (silentLooks * LOOK_SECONDS <= SILENT_SECONDS) return;
      clearInterval(this.#beats);
      onSilence(before);
    }, 1000 * LOOK_SECONDS);
  }

  /** Whether every rank comes to its end within `seconds`: what ended this one then ended all. */
  async allEnd(seconds: number): Promise<boolean> {
    const end = this.#summed(Float32Array.of(1), this.aside.farewell).then(() => true);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), 1000 * seconds);
    });
    return Promise.race([end, late]).finally(() => clearTimeout(timer));
  }

  /** Leaves the job, where all ranks came to their end. */
  leave(): void {
    clearInterval(this.#beats);
    if (this.#heard) this.mpi.Cancel(this.#heard);
    this.mpi.Finalize();
  }

  /** Ends all ranks, and this process. */
  abort(code: number): void {
    this.mpi.Abort(this.mpi.world, code);
  }

  async #summed(values: Float32Array<ArrayBuffer>, group: Handle): Promise<Float32Array<ArrayBuffer>> {
    const { mpi } = this;
    const from = outside(values);
    const to = new Float32Array(new ArrayBuffer(values.byteLength));
    await this.#call(from, (request) => mpi.Iallreduce(from, to, values.length, mpi.float, mpi.sum, group, request));
    return to;
  }

  /** Resolves once what `begin` began is done. */
  #call(from: ArrayBufferView, begin: (request: Room) => number): Promise<void> {
    const request = room();
    begin(request);
    return new Promise((done) => {
      this.#waiting.add({ request, from, done });
      if (!this.#isAsking) this.#ask();
    });
  }

  #ask(): void {
    this.#isAsking = true;
    let last = performance.now();
    const turn = (): void => {
      for (const waiting of this.#waiting) {
        if (!this.#isDone(waiting.request)) continue;
        this.#waiting.delete(waiting);
        last = performance.now();
        waiting.done();
      }
      if (this.#waiting.size === 0) this.#isAsking = false;
      else if (performance.now() - last < EAGER_MS) setImmediate(turn);
      else setTimeout(turn, 1);
    };
    turn();
  }

  #isDone(request: Room): boolean {
    const flag: [number] = [0];
    this.mpi.Test(request, flag, this.#status);
    return flag[0] !== 0;
  }
}

/** The same numbers outside of V8's heap, where they stay in place while MPI reads them. */
function outside<N extends Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>>(values: N): N {
  // Buffers of arrays of up to 64 bytes may be on the heap until someone asks for them.
  void values.buffer;
  return values;
}
