// Training on real scans that take over three times the memory that slices may take: what the process takes is flat
// over the steps, and no more than a small set's in memory and the allowance.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { commandLine } from "../cli/command.ts";
import { sharedPath, testWith } from "../data/shared-data.ts";

const test = suite("max memory, training");
const scans = "data/sts51/ct";
const MIB = 2 ** 20;
const ALLOWED = 24 * MIB;
/**
 * Times that each scan is there, under other names: half of what they take is more than the 64 MiB that V8 lets lie.
 */
const COPIES = 8;
/** What the process may take more than the small set's, beside the allowance: heaps that are not tidied yet. */
const CONSTANT = 64 * MIB;
/**
 * Growth over the epochs beyond a set's in memory, as a share of what all slices take: those that stayed would be all.
 */
const GROWTH = 1 / 2;

let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-memory-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** A folder with the first `cases` scans, each `copies` times. */
async function linked(name: string, cases: number, copies: number): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const files = (await readdir(sharedPath(scans))).filter((f) => f.endsWith(".nii.gz")).sort();
  for (const file of files.slice(0, 2 * cases))
    for (let i = 0; i < copies; i++) await symlink(join(sharedPath(scans), file), join(path, `c${i}_${file}`));
  return path;
}

/** Bytes that a training process takes at each of its steps, and what it says. */
async function trained(name: string, student: string, ...more: string[]): Promise<{ rss: number[]; says: string }> {
  const tiny = [
    "--preset",
    "ct-only",
    "--size",
    "64",
    "--width",
    "2",
    "--batch",
    "2",
    "--steps",
    "40",
    "--epochs",
    "4",
  ];
  const args = ["train", ...tiny, "--student", student, "--out", join(folder, name), "--json", ...more];
  // glibc gives each thread of the driver a heap of its own, of which none shrinks: how many there are is chance.
  const process_ = spawn(process.execPath, await commandLine(args), { env: { ...process.env, MALLOC_ARENA_MAX: "2" } });
  const rss: number[] = [];
  let says = "";
  process_.stderr.on("data", (chunk: Buffer) => {
    says += chunk.toString();
  });
  const ended = new Promise((resolve) => process_.on("close", resolve));
  let rest = "";
  for await (const chunk of process_.stdout) {
    const lines = (rest + (chunk as Buffer).toString()).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if ((JSON.parse(line) as { event: string }).event !== "step") continue;
      const status = await readFile(`/proc/${process_.pid}/status`, "utf8").catch(() => "");
      const kib = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
      if (kib !== undefined) rss.push(1024 * Number(kib));
    }
  }
  assert.is(await ended, 0, says);
  return { rss, says };
}

const isLinux = process.platform === "linux";
testWith(
  test,
  [isLinux ? scans : "/proc"],
  "what a run takes is flat, and the small set's and the allowance",
  async () => {
    const few = await linked("few", 3, 1);
    const many = await linked("many", 22, COPIES);
    const most = (values: readonly number[]): number => Math.max(...values) / MIB;
    const middle = (values: readonly number[]): number => values.toSorted((x, y) => x - y)[values.length >> 1]! / MIB;
    // The first epoch's end makes what later ones use again: validation, pictures, a checkpoint's bytes.
    const growth = (rss: readonly number[]): number => middle(rss.slice(-40)) - middle(rss.slice(40, 80));
    // When garbage is collected is chance, more so on a busy machine; slices that stay are there each time.
    for (const attempt of [1, 2]) {
      const small = await trained(`small ${attempt}`, few);
      const limits = ["--max-memory", String(ALLOWED), "--cache", join(folder, `cache ${attempt}`)];
      const large = await trained(`large ${attempt}`, many, ...limits);
      const [, mib] = /prepared before; (\d+) MiB, read from disk/.exec(large.says) ?? [];
      assert.ok(Number(mib) * MIB >= 3 * ALLOWED, large.says);
      const grown = [large, small].map(({ rss }) => growth(rss)) as [number, number];
      const shown = `${mib} MiB of slices; most ${most(large.rss)}, small ${most(small.rss)}, grown ${grown.join(" and ")} MiB`;
      console.log(shown);
      const isFlat = grown[0] - grown[1] < GROWTH * Number(mib);
      const isSmall = most(large.rss.slice(5)) - most(small.rss) < (ALLOWED + CONSTANT) / MIB;
      if (isFlat && isSmall) return;
      assert.is(attempt, 1, shown);
    }
  },
);

test.run();
