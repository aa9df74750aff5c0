// Files of each format with bytes changed, cut out, put in and repeated: refused in our words or read, never a crash,
// a hang, or more memory than the file is honest about.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, bundleOf, start } from "./child.ts";
import { type Read, readMutated } from "./mutate.ts";
import { type MutatedFormat, mutatedFormats } from "./mutated-files.ts";
import { type Budget, type Random, type Soak, Tally, inLanes } from "./soak.ts";

const OF_EACH = 100_000;
/** Of a format, read by one process. */
const OF_PROCESS = 20_000;
const LANES = 2;
/** A process whose reader goes no further for so long hangs. */
const HANGS_MS = 20_000;
/** Crashes and hangs of a format after which it is left. */
const MOST_ENDS = 5;

export const mutations: Soak = {
  name: "mutations",
  tries: "mutated files of each format that is read",
  seconds: 400,
  run: async (budget, random) => {
    const tally = new Tally();
    const all = (await mutatedFormats()).map((format, f) => new Mutated(format, random.of(f)));
    if (budget.isShort) {
      for (const { format, draw } of all) {
        const goesOn = (n: number): boolean => budget.allows(n);
        const { to, failed } = await readMutated(format, { from: 0, to: budget.most, draw, goesOn });
        tally.tried += to;
        tally.failed.push(...failed.map((line) => `${format.name}, ${line}`));
      }
      return tally;
    }
    const base = await mkdtemp(join(tmpdir(), "cmedl-mutations-"));
    try {
      // Formats take turns, so that where time is short all have as many.
      const turns = Array.from({ length: OF_EACH / OF_PROCESS }, () => all).flat();
      let left = turns.length;
      await inLanes(LANES, turns, async (mutated) => {
        await mutated.goOn(base, budget.part(LANES / Math.max(LANES, left)));
        left--;
      });
    } finally {
      await rm(base, { recursive: true, force: true });
    }
    for (const mutated of all) {
      tally.tried += mutated.n;
      tally.failed.push(...mutated.failed.map((line) => `${mutated.format.name}, ${line}`));
    }
    const most = all.reduce((a, b) => (b.slowestMs > a.slowestMs ? b : a));
    const accepted = all.map(({ format, accepted, n }) => `${format.name} ${Math.round((100 * accepted) / n)}`);
    tally.note(`of a hundred read all the same: ${accepted.join(", ")}`);
    tally.note(`the slowest ${Math.round(most.slowestMs)} ms (${most.format.name})`);
    const least = all.reduce((a, b) => (b.n < a.n ? b : a));
    tally.count(`of each of ${all.length} formats`, least.n, OF_EACH);
    return tally;
  },
};

/** A format, and what became of its mutations so far. */
class Mutated {
  n = 0;
  accepted = 0;
  slowestMs = 0;
  readonly failed: string[] = [];
  #ends = 0;

  constructor(
    readonly format: MutatedFormat,
    readonly draw: Random,
  ) {}

  /** Reads the next ones in a process of their own; after a crash or a hang in another one, from the next on. */
  async goOn(base: string, budget: Budget): Promise<void> {
    const to = Math.min(this.n + OF_PROCESS, OF_EACH);
    while (this.n < to && this.#ends < MOST_ENDS && budget.leftMs > 0) {
      const file = join(base, this.format.name);
      const args = [this.n, to, this.draw.seed, budget.leftMs / 1000].map(String);
      const child = start(await bundleOf("test/soak/mutations-child.ts"), [this.format.name, ...args, file], {
        node: ["--expose-gc", "--enable-source-maps"],
        limitMs: budget.leftMs + 4 * HANGS_MS,
      });
      const { code, signal, stdout, stderr } = await watched(child, file);
      if (code === 0) {
        const read = JSON.parse(stdout) as Read;
        this.n = read.to;
        this.accepted += read.accepted;
        this.slowestMs = Math.max(this.slowestMs, read.slowestMs);
        this.failed.push(...read.failed);
        return;
      }
      this.#ends++;
      const at = await numberIn(file);
      this.failed.push(`mutation ${at} of seed ${this.draw.seed}: ended by ${code ?? signal}: ${stderr.slice(-1000)}`);
      this.n = at + 1;
    }
  }
}

/** The end of a process that tells in `file` how far it is; one that goes no further is ended. */
async function watched({ process: child, ended }: Child, file: string): ReturnType<typeof start>["ended"] {
  let [at, since] = [-1, performance.now()];
  const timer = setInterval(async () => {
    const now = await numberIn(file);
    if (now !== at) [at, since] = [now, performance.now()];
    else if (performance.now() - since > HANGS_MS) child.kill("SIGKILL");
  }, 1000);
  try {
    return await ended;
  } finally {
    clearInterval(timer);
  }
}

/** What a process wrote there; 0 before it did. */
async function numberIn(file: string): Promise<number> {
  const bytes = await readFile(file).catch(() => Buffer.alloc(0));
  return bytes.length < 4 ? 0 : bytes.readUInt32LE();
}
