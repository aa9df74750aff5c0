// A file's bytes changed by chance, and a reader tried on many such files.
import { CmedlError } from "../../errors/cmedl-error.ts";
import type { MutatedFormat } from "./mutated-files.ts";
import { type Random, Since } from "./soak.ts";

const LIMIT_MS = 2000;
const MOST_BYTES = 128 * 2 ** 20;
/** Mutations between two looks at the memory. */
const TURN = 1000;
/** Values that lie at edges of what readers count with. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const WORDS = ["__proto__", "constructor", "../../x", "\u001b[31m", "1e999", "-1", "NaN", "{", "\n"];

/** What became of the mutations `from` to `to` of a file; or of those before that for which there was time. */
export interface Read {
  readonly to: number;
  readonly accepted: number;
  readonly slowestMs: number;
  readonly failed: readonly string[];
}

export interface Reading {
  readonly from: number;
  readonly to: number;
  /** Of the format: mutation n of a seed is always the same file. */
  readonly draw: Random;
  /** Told of each mutation before it is read. */
  readonly onTry?: (n: number) => void;
  /** Whether there is time for more, after `n`. */
  readonly goesOn: (n: number) => boolean;
}

/** Reads mutated files: refused in our words or read, never with more memory than 128 MiB or more time than 2 s. */
export async function readMutated(
  { bytes, read }: MutatedFormat,
  { from, to, draw, onTry, goesOn }: Reading,
): Promise<Read> {
  const prototype = namesOfPrototype();
  const failed: string[] = [];
  let [n, accepted, slowestMs] = [from, 0, 0];
  await read(bytes);
  while (n < to && goesOn(n)) {
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const peak = peakBytes();
    for (let turn = 0; turn < TURN && n < to && (turn === 0 || goesOn(n)); turn++, n++) {
      const told = `mutation ${n} of seed ${draw.seed}`;
      onTry?.(n);
      const mutated = mutate(bytes, draw.of(n));
      const began = performance.now();
      try {
        await read(mutated);
        accepted++;
      } catch (error) {
        if (!(error instanceof CmedlError)) failed.push(`${told}: ${String((error as Error).stack)}`);
      }
      let ms = performance.now() - began;
      // On a machine with other work a moment may be long: by the processor's time, of once more.
      if (ms > LIMIT_MS / 10) ms = Math.min(ms, await ownMsOf(() => read(mutate(bytes, draw.of(n)))));
      slowestMs = Math.max(slowestMs, ms);
      if (ms > LIMIT_MS) failed.push(`${told}: took ${Math.round(ms)} ms`);
    }
    const grown = peakBytes() > peak ? peakBytes() - before : 0;
    const told = `the ${TURN} mutations before ${n} of seed ${draw.seed}`;
    if (grown > MOST_BYTES) failed.push(`${told}: memory grew by ${Math.round(grown / 2 ** 20)} MiB`);
    if (namesOfPrototype() !== prototype) failed.push(`${told}: Object.prototype was changed`);
  }
  return { to: n, accepted, slowestMs, failed };
}

async function ownMsOf(work: () => unknown): Promise<number> {
  const since = new Since();
  try {
    await work();
  } catch {
    // It was told the first time.
  }
  return since.ownMs;
}

const namesOfPrototype = (): string => JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort());
/** Most memory that this process ever had. */
const peakBytes = (): number => 1024 * process.resourceUsage().maxRSS;

/** One to four changes. */
function mutate(bytes: Uint8Array, draw: Random): Uint8Array<ArrayBuffer> {
  let out: Uint8Array = bytes.slice();
  for (let times = 1 + draw.whole(4); times > 0 && out.length > 0; times--) out = changed(out, draw);
  return new Uint8Array(out);
}

function changed(bytes: Uint8Array, draw: Random): Uint8Array {
  // Most of what can be said wrongly stands at the beginning, or, of zips, at the end.
  const near = draw.next();
  const span = Math.min(bytes.length, 400);
  const at =
    near < 0.5 ? draw.whole(span) : near < 0.7 ? bytes.length - 1 - draw.whole(span) : draw.whole(bytes.length);
  const length = Math.min(bytes.length - at, 1 + draw.whole(64));
  const spliced = (put: Uint8Array, out: number): Uint8Array =>
    Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + out)]);
  switch (draw.whole(8)) {
    case 0:
      bytes[at]! ^= 1 << draw.whole(8);
      return bytes;
    case 1:
      bytes[at] = draw.whole(256);
      return bytes;
    case 2: {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const value = draw.pick(EDGES);
      if (at + 4 <= bytes.length) view.setUint32(at, value, draw.next() < 0.7);
      return bytes;
    }
    case 3:
      return bytes.subarray(0, at);
    case 4:
      return spliced(new Uint8Array(0), length);
    case 5:
      return spliced(bytes.slice(at, at + length), 0);
    case 6:
      return spliced(new TextEncoder().encode(draw.pick(WORDS)), draw.whole(12));
    default: {
      bytes.fill(draw.pick([0, 0xff, 0x20, 0x39]), at, at + length);
      return bytes;
    }
  }
}
