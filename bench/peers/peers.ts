// npm run bench -- --peers: our engine, TensorFlow.js and jax-js on the same cases, each in its own process on the
// same adapter, interleaved round by round, with results compared first.
import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PEER_CASES, type PeerCase } from "./peer-cases.ts";
import type { Prepared, Reply, Request } from "./child.ts";
import { ENGINES, type EngineName, type Results } from "./engine.ts";
import type { Row } from "../say/report.ts";
import { geometricMean, relativeL2 } from "../measure/statistics.ts";
import { summarize } from "../../lab/statistics.ts";
import { digits } from "../measure/statistics.ts";
import { columns } from "../say/table.ts";
import { matches } from "../cases/case.ts";

const FOLDER = "bench/peers";
/** Engines agree where no result differs by more. */
const AGREE = 1e-3;
const SAMPLES_A_ROUND = 2;

/** Installs the peers where they are not yet; never with the project. Throws what npm says. */
function install(say: (line: string) => void): void {
  if (existsSync(join(FOLDER, "node_modules", "@jax-js"))) return;
  say(`installing ${FOLDER}/package.json …`);
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", FOLDER], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** A child process that runs one engine. */
class Peer {
  #waiting: ((reply: Reply) => void)[] = [];
  readonly #early: Reply[] = [];
  private constructor(
    readonly name: EngineName,
    readonly child: ChildProcess,
  ) {
    const arrived = (reply: Reply): void => {
      const next = this.#waiting.shift();
      if (next) next(reply);
      else this.#early.push(reply);
    };
    child.on("message", (reply) => arrived(reply as Reply));
    child.on("exit", (code, signal) => {
      for (const f of this.#waiting.splice(0)) f({ error: `the process ended with ${signal ?? code}` });
      this.#early.push({ error: `the process ended with ${signal ?? code}` });
    });
  }
  static async start(name: EngineName, env: NodeJS.ProcessEnv = {}): Promise<Peer> {
    const peer = new Peer(
      name,
      fork(join(FOLDER, "run.mjs"), [name], {
        serialization: "advanced",
        env: { ...process.env, ...env },
        stdio: ["ignore", "ignore", "ignore", "ipc"],
      }),
    );
    const reply = await peer.#next();
    if ("error" in reply) throw new Error(`${name}: ${reply.error}`);
    return peer;
  }
  #next(): Promise<Reply> {
    const early = this.#early.shift();
    return early ? Promise.resolve(early) : new Promise((done) => this.#waiting.push(done));
  }
  ask(request: Request): Promise<Reply> {
    if (!this.child.connected) return Promise.resolve({ error: "the process has ended" });
    this.child.send(request);
    return this.#next();
  }
  end(): void {
    if (this.child.connected) this.child.disconnect();
  }
}

/** Largest relative L2 difference of all results, by name. */
export function disagreement(a: Results, b: Results): number {
  const names = Object.keys(a);
  if (names.join() !== Object.keys(b).join()) return Infinity;
  return Math.max(...names.map((n) => relativeL2(a[n]!, b[n]!)));
}

/** Why results can't be trusted: they agree with no other engine's, though there is another. */
export function judge(results: ReadonlyMap<string, Results>): Map<string, string> {
  const wrong = new Map<string, string>();
  const names = [...results.keys()];
  const off = (a: string, b: string): number => disagreement(results.get(a)!, results.get(b)!);
  const agreeing = new Set(names.filter((a) => names.some((b) => a !== b && off(a, b) <= AGREE)));
  for (const name of names) {
    if (agreeing.has(name)) continue;
    const others = names.filter((n) => n !== name);
    if (others.length === 0) continue;
    wrong.set(
      name,
      `differs by ${Math.min(...others.map((o) => off(name, o))).toExponential(1)} from ${others.join(" and ")}${agreeing.size ? ", which agree" : ""}`,
    );
  }
  return wrong;
}

interface PeerOptions {
  readonly rounds: number;
  readonly cold?: boolean;
  readonly quick?: boolean;
}

/** One case in all engines: prepared one after the other, judged, then timed round by round. */
async function runCase(c: PeerCase, peers: readonly Peer[], rounds: number): Promise<Row[]> {
  const prepared = new Map<EngineName, Prepared>();
  const wrong = new Map<string, string>();
  for (const peer of peers) {
    const reply = await peer.ask({ op: "prepare", name: c.name });
    if ("prepared" in reply) prepared.set(peer.name, reply.prepared);
    else wrong.set(peer.name, "error" in reply ? reply.error : "no answer");
  }
  for (const [name, why] of judge(new Map([...prepared].map(([n, p]) => [n, p.results])))) wrong.set(name, why);
  const ms = new Map<EngineName, number[]>(peers.map((p) => [p.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of peers) {
      if (wrong.has(peer.name)) continue;
      const reply = await peer.ask({ op: "sample", count: SAMPLES_A_ROUND });
      if ("ms" in reply) ms.get(peer.name)!.push(...reply.ms);
      else wrong.set(peer.name, "error" in reply ? reply.error : "no answer");
    }
  }
  for (const peer of peers) await peer.ask({ op: "release" });
  return peers.map(({ name }): Row => {
    const p = prepared.get(name);
    const why = wrong.get(name);
    return {
      name: `${c.name} · ${name}`,
      group: "peer",
      clock: "wall",
      flops: c.flops,
      ...(p
        ? {
            firstMs: p.firstMs,
            dispatches: p.counts.dispatches,
            submits: p.counts.submits,
            pipelines: p.counts.pipelines,
            peakBytes: p.counts.peakBytes,
          }
        : {}),
      ...(why !== undefined ? { wrong: why } : { ms: summarize(ms.get(name)!) }),
    };
  });
}

/** The first run of a case in a new process whose shader cache is empty, in ms. */
async function coldRun(c: PeerCase, name: EngineName): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), "cmedl-bench-cache-"));
  const row = { name: `${c.name} cold · ${name}`, group: "peer", clock: "wall" } as const;
  try {
    const peer = await Peer.start(name, { MESA_SHADER_CACHE_DIR: folder });
    const reply = await peer.ask({ op: "prepare", name: c.name });
    peer.end();
    if (!("prepared" in reply)) return { ...row, wrong: "error" in reply ? reply.error : "no answer" };
    const { firstMs, counts } = reply.prepared;
    return { ...row, ms: summarize([firstMs]), firstMs, pipelines: counts.pipelines };
  } catch (error) {
    return { ...row, wrong: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const HEADS = ["case", "cmedl ms", "tfjs ms", "jaxjs ms", "ratio", "dispatches", "pipelines", "peak MB"];
const cell = ({ ms, wrong }: Row): string => (ms ? digits(ms.median) : `✗ ${(wrong ?? "").slice(0, 28)}`);
/** How many times as long as ours the faster peer takes, where both have a time. */
export function ratioOf([ours, ...others]: readonly Row[]): number | undefined {
  const best = Math.min(...others.flatMap((r) => (r.ms ? [r.ms.median] : [])));
  return ours?.ms && Number.isFinite(best) ? best / ours.ms.median : undefined;
}

/** Cases in which a quick run measures the peers. */
const QUICK = /^(conv 3×3 64→64 @64×64 (fwd|dx|dw)|instance-norm .*bwd|unet step)$/;

/** Rows of all engines, by case; prints the ratios and their geometric means. */
export async function runPeers(
  words: readonly string[],
  { rounds, cold, quick }: PeerOptions,
  say: (line: string) => void,
): Promise<Row[]> {
  install(say);
  const cases = PEER_CASES.filter(
    (c) => matches({ group: "peer", name: c.name }, words) && (!quick || QUICK.test(c.name)),
  );
  const rows: Row[] = [];
  const table: string[][] = [HEADS];
  let peers: Peer[] = [];
  const restart = async (): Promise<void> => {
    for (const peer of peers) peer.end();
    peers = [];
    for (const name of ENGINES) {
      try {
        peers.push(await Peer.start(name));
      } catch (error) {
        say(`${error instanceof Error ? error.message : error}`);
        if (name === "cmedl") throw error;
      }
    }
  };
  const ratios: { name: string; ratio: number }[] = [];
  try {
    for (const c of cases) {
      // Engines keep what they allocated: a network is given processes of its own, so that its memory is its own.
      if (peers.length === 0 || c.work.kind === "unet") await restart();
      const made = await runCase(c, peers, rounds);
      rows.push(...made);
      const ratio = ratioOf(made);
      const of = (f: (r: Row) => number | undefined): string => made.map((r) => f(r)?.toString() ?? "–").join(" / ");
      if (ratio !== undefined) ratios.push({ name: c.name, ratio });
      const byName = ENGINES.map((e) => made.find((r) => r.name.endsWith(`· ${e}`)));
      table.push([
        c.name,
        ...byName.map((r) => (r ? cell(r) : "–")),
        ratio === undefined ? "–" : `${ratio.toFixed(2)}×`,
        of((r) => r.dispatches),
        of((r) => r.pipelines),
        of((r) => r.peakBytes && Math.round(r.peakBytes / 1e6)),
      ]);
      say(table.at(-1)!.join("  "));
      for (const r of made) if (r.wrong) say(`    ${r.name}: ${r.wrong}`);
    }
  } finally {
    for (const peer of peers) peer.end();
  }
  say("");
  for (const line of columns(table)) say(line);
  const mean = (what: string, pattern: RegExp): void => {
    const chosen = ratios.filter((r) => pattern.test(r.name));
    if (chosen.length)
      say(
        `${what}: ${geometricMean(chosen.map((r) => r.ratio)).toFixed(2)}× geometric mean of ${chosen.length}, least ${Math.min(...chosen.map((r) => r.ratio)).toFixed(2)}×`,
      );
  };
  say("\nratio: how many times as long the faster peer takes");
  mean("convolutions", /^conv/);
  mean("norms and contextual loss, forward + backward", /(norm|contextual).*bwd/);
  mean("all", /./);
  if (cold) {
    say("\nfirst run, empty shader cache");
    for (const name of ENGINES) {
      const row = await coldRun(PEER_CASES.find((c) => c.name === "unet step")!, name);
      rows.push(row);
      say(`${row.name}: ${row.ms ? `${(row.ms.median / 1000).toFixed(1)} s, ${row.pipelines} pipelines` : row.wrong}`);
    }
  }
  return rows;
}
