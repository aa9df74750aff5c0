// Files of each format with bytes changed, cut out, put in and repeated: refused in our words or read, never a crash,
// a hang, or more memory than the file is honest about.
import { CmedlError } from "../../errors/cmedl-error.ts";
import { mutatedFormats } from "./mutated-files.ts";
import { type Random, type Soak, Tally, must } from "./soak.ts";

const LIMIT_MS = 2000;
const MOST_BYTES = 128 * 2 ** 20;
/** Mutations of a format between two looks at the memory. */
const TURN = 250;
const OF_EACH = 100_000;
/** Values that lie at edges of what readers count with. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
const WORDS = ["__proto__", "constructor", "../../x", "\u001b[31m", "1e999", "-1", "NaN", "{", "\n"];

export const mutations: Soak = {
  name: "mutations",
  tries: "mutated files of each format that is read",
  share: 8,
  run: async (budget, random) => {
    const tally = new Tally();
    const formats = await mutatedFormats();
    const prototype = JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort());
    for (const [f, { name, bytes, read }] of formats.entries()) {
      const draw = random.of(f);
      const own = budget.part(1 / (formats.length - f));
      await read(bytes);
      let [n, accepted] = [0, 0];
      let slowest = 0;
      while (own.allows(n) && n < OF_EACH) {
        globalThis.gc?.();
        const before = process.memoryUsage().rss;
        for (let turn = 0; turn < TURN && n < OF_EACH && (turn === 0 || own.leftMs > 0); turn++, n++) {
          tally.tried++;
          const mutated = mutate(bytes, draw.of(n));
          const began = performance.now();
          try {
            await read(mutated);
            accepted++;
          } catch (error) {
            if (!(error instanceof CmedlError))
              tally.failed.push(`${name}, mutation ${n} of seed ${draw.seed}: ${String((error as Error).stack)}`);
          }
          const ms = performance.now() - began;
          slowest = Math.max(slowest, ms);
          // By the processor's clock this would be less on a machine with other work.
          if (ms > LIMIT_MS)
            tally.failed.push(`${name}, mutation ${n} of seed ${draw.seed}: took ${Math.round(ms)} ms`);
        }
        await tally.try(`${name}, the ${TURN} mutations before ${n} of seed ${draw.seed}`, () => {
          tally.tried--;
          const grown = process.memoryUsage().rss - before;
          must(grown < MOST_BYTES, `memory grew by ${Math.round(grown / 2 ** 20)} MiB`);
          const now = JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort());
          must(now === prototype, "Object.prototype was changed");
        });
      }
      tally.note(`${name}: ${n} mutations, ${accepted} read all the same, the slowest ${Math.round(slowest)} ms`);
    }
    return tally;
  },
};

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
