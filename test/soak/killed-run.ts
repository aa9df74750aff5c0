// A run that is ended at random moments and resumed until it is done, and what must hold of its folder after each end.
import { type FSWatcher, existsSync, watch } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isTemporary } from "../../node/files.ts";
import { RunFolder } from "../../node/run/folder.ts";
import type { Child, ChildOptions } from "./child.ts";
import { type Budget, type Outcome, type Random, Tally, must, quantile } from "./soak.ts";

/** How a run is started, or gone on with, in a folder. */
export interface Killable {
  /** Runs at once: a small one waits for its disk most of the time. */
  readonly lanes: number;
  /** SIGKILLs after which it is enough. */
  readonly kills: number;
  readonly saveEvery: number;
  readonly stepsPerEpoch: number;
  start(folder: string, options: ChildOptions): Promise<Child>;
}

/** Kills of one run at most: then it is left to end, and its weights are compared. */
const KILLS_A_RUN = 12;
/** What Slurm and Kubernetes are asked to give a run after SIGTERM is 120 s; these runs have small steps. */
const GRACE_MS = 10_000;

export interface Whole {
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly losses: string;
  readonly ms: number;
}

/**
 * Ends runs by SIGKILL, and one in five by SIGTERM, at random moments: after a random time, or at the n-th change of
 * the run's files, which is within a write. After each end no checkpoint is lost that was acknowledged, and all files
 * read; at the last one weights and losses are those of a run that nobody ended.
 */
export async function killAgainAndAgain(killable: Killable, budget: Budget, random: Random): Promise<Outcome> {
  const tally = new Tally();
  const base = await mkdtemp(join(tmpdir(), "cmedl-kill-"));
  const graces: number[] = [];
  let [kills, terms, ends, during] = [0, 0, 0, 0];
  try {
    const whole = await uninterrupted(killable, join(base, "whole"));
    let runs = 0;
    const goesOn = (): boolean => budget.allows(tally.tried) && kills < killable.kills;
    const lane = async (): Promise<void> => {
      while (goesOn()) await oneRun(runs++);
    };
    const oneRun = async (n: number): Promise<void> => {
      const draw = random.of(n);
      const folder = join(base, `run-${n}`);
      const told = `run ${n} of seed ${random.seed}`;
      let acknowledged = 0;
      let ended = false;
      let byItself = true;
      for (let kill = 0; kill < KILLS_A_RUN && goesOn() && !ended; kill++) {
        const how = draw.next() < 0.2 ? "SIGTERM" : "SIGKILL";
        await tally.try(`${told}, end ${kill} by ${how}`, async () => {
          const killed = await endOnce(killable, folder, how, draw, whole.ms);
          ended = killed.done;
          byItself = killed.byItself;
          if (killed.inWrite) during++;
          acknowledged = Math.max(acknowledged, killed.acknowledged);
          if (killed.graceMs !== undefined) graces.push(killed.graceMs);
          if (how === "SIGTERM") terms++;
          else kills++;
          await mustBeWhole(folder, acknowledged);
        });
      }
      if (!ended)
        await tally.try(`${told}, last resume`, async () => {
          const { code, stderr } = await (await killable.start(folder, {})).ended;
          byItself = true;
          must(code === 0, `the resume left with ${code}: ${stderr}`);
        });
      ends++;
      await tally.try(`${told}, its end`, () => mustEqual(folder, whole, byItself));
      await rm(folder, { recursive: true, force: true });
    };
    await Promise.all(Array.from({ length: Math.min(killable.lanes, budget.most) }, lane));
  } finally {
    await rm(base, { recursive: true, force: true });
  }
  tally.note(
    `${kills} SIGKILL (${during} at a change of the run's files), ${terms} SIGTERM, ${ends} runs to their end`,
  );
  tally.count("SIGKILLs", kills, killable.kills);
  if (graces.length > 0) tally.note(`saved ${Math.round(quantile(graces, 1))} ms after SIGTERM at most`);
  return tally;
}

export async function uninterrupted(killable: Pick<Killable, "start">, folder: string): Promise<Whole> {
  let began = 0;
  const onLine = (line: string): void => {
    if (isReady(line)) began = performance.now();
  };
  const { code, stderr } = await (await killable.start(folder, { onLine })).ended;
  must(code === 0, `a run that nobody ended left with ${code}: ${stderr}`);
  const ms = performance.now() - began;
  return { weights: await weightsOf(folder), losses: await lossesOf(folder), ms };
}

const isReady = (line: string): boolean => line.startsWith('{"event":"ready"') || line.startsWith('{"event":"step"');

interface Killed {
  readonly done: boolean;
  /** Whether it left by itself, and so took its lock away. */
  readonly byItself: boolean;
  /** Steps of the newest checkpoint that the run said was safe. */
  readonly acknowledged: number;
  readonly inWrite: boolean;
  readonly graceMs?: number;
}

async function endOnce(
  { start, saveEvery, stepsPerEpoch }: Killable,
  folder: string,
  how: "SIGKILL" | "SIGTERM",
  draw: Random,
  wholeMs: number,
): Promise<Killed> {
  const afterMs = draw.next() * wholeMs;
  // A step changes files about three times, a checkpoint four.
  const atChange = draw.next() < 0.5 ? 1 + draw.whole(12 * (1 + draw.whole(8))) : Infinity;
  const beforeReady = draw.next() < 0.08;
  let [acknowledged, changes, sent, done, ready] = [0, 0, 0, false, false];
  const watchers: FSWatcher[] = [];
  const child = await start(folder, {
    onLine: (line) => {
      if (!ready && isReady(line)) begin();
      if (line.startsWith('{"event":"done"')) done = true;
      acknowledged = Math.max(acknowledged, acknowledgedBy(line, saveEvery, stepsPerEpoch));
    },
  });
  const send = (): void => {
    if (sent > 0) return;
    sent = performance.now();
    child.process.kill(how);
  };
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    ready = true;
    if (atChange === Infinity) {
      timer = setTimeout(send, afterMs);
      return;
    }
    const changed = (): void => {
      if (++changes >= atChange) send();
    };
    for (const below of ["", "checkpoints", "pictures"]) watchers.push(watch(join(folder, below), changed));
  };
  if (beforeReady) timer = setTimeout(send, draw.next() * 3000);
  const { code, signal, stderr } = await child.ended;
  clearTimeout(timer);
  for (const watcher of watchers) watcher.close();
  const graceMs = performance.now() - sent;
  const inWrite = sent > 0 && atChange !== Infinity && signal === "SIGKILL";
  // It was done before the signal came, or had written its end and had only to leave.
  const isDone = code === 0 || (await hasItsEnd(folder));
  const killed: Killed = { done: isDone, byItself: signal === null, acknowledged, inWrite };
  if (code === 0) {
    must(done, "left with 0 before it was done");
    return killed;
  }
  if (how === "SIGKILL") {
    must(signal === "SIGKILL" && sent > 0, `left with ${code ?? signal} by itself: ${stderr}`);
    return killed;
  }
  // Before a run listens the signal ends the process as any other; what was saved before stands.
  if (signal === "SIGTERM") return killed;
  must(code === 130, `left with ${code ?? signal} after SIGTERM: ${stderr}`);
  must(graceMs < GRACE_MS, `took ${Math.round(graceMs)} ms to save after SIGTERM`);
  const status = await readFile(join(folder, "STATUS"), "utf8");
  must(/^(interrupted|finished)\n/.test(status), `STATUS is ${status.split("\n")[0]} after SIGTERM`);
  return { ...killed, graceMs };
}

const hasItsEnd = async (folder: string): Promise<boolean> =>
  existsSync(join(folder, "config.yaml")) && (await RunFolder.open(folder)).isEnded();

/** The steps of a checkpoint that is safe once a line of the log is printed. */
function acknowledgedBy(line: string, saveEvery: number, stepsPerEpoch: number): number {
  if (!line.startsWith("{")) return 0;
  const { event, steps } = JSON.parse(line) as { event: string; steps: number };
  if (event !== "step") return 0;
  // A step and an epoch are logged before their own checkpoint is written, and after those of the steps before.
  const before = steps - 1;
  const inEpoch = Math.floor(before / saveEvery) * saveEvery;
  return Math.max(inEpoch, Math.floor(before / stepsPerEpoch) * stepsPerEpoch);
}

/** What holds of a run's folder after its process was ended at any moment. */
export async function mustBeWhole(folder: string, acknowledged: number): Promise<void> {
  if (!existsSync(join(folder, "config.yaml"))) {
    // It ended before it was a run: another may begin there.
    await RunFolder.check(folder);
    must(acknowledged === 0, "the configuration is gone");
    return;
  }
  const run = await RunFolder.open(folder);
  await run.readConfig();
  const damaged: string[] = [];
  const at = await run.standing((message) => damaged.push(message));
  must(damaged.length === 0, `damaged: ${damaged.join("; ")}`);
  const steps = at?.checkpoint.progress.steps ?? 0;
  must(steps >= acknowledged, `the newest checkpoint is of step ${steps}, ${acknowledged} was acknowledged`);
  if (existsSync(run.bestCheckpoint)) await run.bestOrLatest((message) => damaged.push(message));
  must(damaged.length === 0, `damaged: ${damaged.join("; ")}`);
  const text = (name: string): Promise<string> => readFile(join(folder, name), "utf8").catch(() => "");
  const report = await text("report.html");
  must(report === "" || report.trimEnd().endsWith("</html>"), "report.html is cut short");
  const status = await text("STATUS");
  must(status === "" || /^(running|finished|stopped|interrupted|failed)\n/.test(status), `STATUS is "${status}"`);
  for (const name of ["environment.json", "statistics.json"]) JSON.parse((await text(name)) || "0");
  const lines = (await text("log.jsonl")).split("\n").slice(0, -1);
  for (const line of lines) JSON.parse(line);
}

/** A last process that was killed leaves its lock, which holds nothing: `byItself` where it did not. */
export async function mustEqual(folder: string, whole: Whole, byItself = true): Promise<void> {
  const weights = await weightsOf(folder);
  for (const [name, want] of whole.weights) {
    const got = weights.get(name);
    must(got && Buffer.compare(bytesOf(got), bytesOf(want)) === 0, `${name} is not that of the run that nobody ended`);
  }
  must((await lossesOf(folder)) === whole.losses, "the losses are not those of the run that nobody ended");
  const left = (await readdir(folder, { recursive: true })).filter(
    (name) => isTemporary(name.replace(/^.*\//, "")) || (byItself && name === "LOCK"),
  );
  must(left.length === 0, `${left.join(", ")} was left behind`);
  const report = await readFile(join(folder, "report.html"), "utf8");
  must(report.includes("</html>") && report.includes("finished"), "the report does not say that the run is finished");
}

const bytesOf = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

async function weightsOf(folder: string): Promise<Map<string, Float32Array>> {
  const { checkpoint } = await (await RunFolder.open(folder)).latestCheckpoint();
  return new Map([...checkpoint.tensors].map(([name, { data }]) => [name, data]));
}

/** The losses of all steps and epochs in their order. */
async function lossesOf(folder: string): Promise<string> {
  const events = await (await RunFolder.open(folder)).events();
  return JSON.stringify(events.map(({ event, steps, losses, norms }) => ({ event, steps, losses, norms })));
}
