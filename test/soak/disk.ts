// Disks that are full, read-only, failing, slow or gone, at any operation of a run and of what commands write: a typed
// error that names the file and the mend, nothing half-written, and the last checkpoint whole.
import { execFile } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { commandLine } from "../cli/command.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { type Ended, bundleOf, start } from "./child.ts";
import { mustBeWhole, mustEqual, uninterrupted } from "./killed-run.ts";
import { type Budget, type Random, type Soak, Tally, inLanes, must } from "./soak.ts";

const run = promisify(execFile);
const NUMBERS = ["2", "5", "2"];
/** Linux. */
const ERRNO = { ENOSPC: 28, EROFS: 30, EIO: 5, EDQUOT: 122, EACCES: 13 } as const;
const SAID: Readonly<Record<keyof typeof ERRNO, RegExp>> = {
  ENOSPC: /no space is left on the disk; free some space/,
  EROFS: /is on a read-only file system; choose another folder/,
  EIO: /EIO.*; check the file and the disk/,
  EDQUOT: /the disk quota is used up; free some space/,
  EACCES: /may not be opened; change its permissions/,
};
/** What a run does to its disk, from its lock to its last report: about so many operations. */
const OPERATIONS = 260;
/** Each kind of error begins once in so many of them. */
const STRIDE = 13;
/** Runs on a disk that is slow, and whose folder vanishes. */
const SLOW = 5;
const VANISHING = 5;
/** What commands write is begun and done in so many operations. */
const COMMAND_OPERATIONS = 5;
const LANES = 2;

export const disk: Soak = {
  name: "disk",
  tries: "full, read-only, failing, slow and vanishing disks under runs and under what commands write",
  seconds: 280,
  run: async (budget, random) => {
    const tally = new Tally();
    const base = await mkdtemp(join(tmpdir(), "cmedl-disk-"));
    const faults = join(base, "disk-faults.so");
    const compiles = await run("cc", ["-shared", "-fPIC", "-O1", "-o", faults, "test/soak/disk-faults.c", "-ldl"]).then(
      () => true,
      () => false,
    );
    try {
      if (!compiles) tally.note("skipped: no C compiler makes the fault injector here");
      else {
        await underRuns(budget.part(0.7), random, base, faults, tally);
        if (!budget.isShort) await underCommands(budget.part(0.9), base, faults, tally);
      }
      if (!budget.isShort) await onFullDisks(base, tally);
    } finally {
      await rm(base, { recursive: true, force: true });
    }
    return tally;
  },
};

function mustBeTold({ code, signal, stderr }: Ended, folder: string, errno: keyof typeof ERRNO): void {
  must(code === 7, `left with ${code ?? signal}: ${stderr}`);
  const lines = stderr.split("\n").filter((line) => line.includes(folder));
  must(
    lines.some((line) => SAID[errno].test(line)),
    `no line names a file and the mend of ${errno}: ${stderr}`,
  );
}

type Errno = keyof typeof ERRNO;
const errnos = Object.keys(ERRNO) as Errno[];

/** A fault under a run. */
type Fault =
  | { readonly kind: "slow" | "vanishing" }
  | { readonly kind: "error"; readonly errno: Errno; readonly at: number };

/** Every kind of error, from one of each thirteen operations on; slow and vanishing disks. In an order without any. */
function faultsUnderRuns(random: Random): Fault[] {
  const all: Fault[] = [
    ...Array.from({ length: SLOW }, () => ({ kind: "slow" }) as const),
    ...Array.from({ length: VANISHING }, () => ({ kind: "vanishing" }) as const),
    ...Array.from({ length: OPERATIONS / STRIDE }, (_, i) =>
      errnos.map((errno) => ({ kind: "error", errno, at: STRIDE * i + random.whole(STRIDE) }) as const),
    ).flat(),
  ];
  const places = all.map((fault) => ({ fault, place: random.next() }));
  return places.sort((a, b) => a.place - b.place).map(({ fault }) => fault);
}

async function underRuns(budget: Budget, random: Random, base: string, faults: string, tally: Tally): Promise<void> {
  const file = await bundleOf("test/soak/tiny-run.ts");
  const startRun = async (folder: string, options: Parameters<typeof start>[2]) =>
    start(file, [folder, ...NUMBERS], options);
  const whole = await uninterrupted({ start: startRun }, join(base, "whole"));
  const all = faultsUnderRuns(random);
  let tried = 0;
  const goOn = async (n: number, fault: Fault): Promise<void> => {
    const folder = join(base, `run-${n}`);
    const { kind } = fault;
    const env: Readonly<Record<string, string>> =
      kind === "error"
        ? { FAULT_AT: `${fault.at}`, FAULT_ERRNO: `${ERRNO[fault.errno]}` }
        : kind === "slow"
          ? { FAULT_SLOW_US: "20000" }
          : {};
    let acknowledged = 0;
    let steps = 0;
    const child = await startRun(folder, {
      env: { LD_PRELOAD: faults, FAULT_UNDER: folder, ...env },
      onLine: (line) => {
        if (!line.startsWith('{"event":"step"')) return;
        steps++;
        if (steps > 2) acknowledged = 2;
        // At once: a folder that is removed file by file may be written to meanwhile, and stay.
        if (kind === "vanishing" && steps === 4) renameSync(folder, `${folder}.gone`);
      },
    });
    const ended = await child.ended;
    if (kind === "vanishing") {
      // One that had written all before it was heard of is whole where it went.
      if (ended.code === 0) await mustEqual(`${folder}.gone`, whole);
      else must(ended.code === 7 && ended.stderr.includes(folder), `left with ${ended.code}: ${ended.stderr}`);
      return;
    }
    if (ended.code !== 0) {
      must(kind === "error", `left with ${ended.code}: ${ended.stderr}`);
      mustBeTold(ended, folder, fault.errno);
      if (existsSync(folder)) await mustBeWhole(folder, acknowledged);
      const again = await (await startRun(folder, {})).ended;
      must(again.code === 0, `the resume left with ${again.code}: ${again.stderr}`);
    }
    await mustEqual(folder, whole);
    await rm(folder, { recursive: true, force: true });
  };
  await inLanes(Math.min(LANES, budget.most), all.entries(), async ([n, fault]) => {
    if (!budget.allows(tried)) return;
    tried++;
    const told = fault.kind === "error" ? `${fault.errno} from operation ${fault.at} on` : fault.kind;
    await tally.try(`${told} (seed ${random.seed}, ${n})`, () => goOn(n, fault));
  });
  tally.count(`runs: each kind of error at one in ${STRIDE} operations, slow, vanishing`, tried, all.length);
}

/** Commands that write into `out`, of a run and the data that it was trained on. */
const commandsOf = (run: string, data: string, out: string): Readonly<Record<string, readonly string[]>> => ({
  convert: ["convert", run, join(out, "weights.safetensors")],
  export: ["export", run, join(out, "model.onnx")],
  predict: ["predict", run, join(data, "ct-001_image.nii.gz"), "-o", join(out, "mask.nii.gz")],
  report: ["report", run, "-o", join(out, "report.html")],
  split: ["split", data, "-o", join(out, "splits.json")],
});

async function underCommands(budget: Budget, base: string, faults: string, tally: Tally): Promise<void> {
  const data = join(base, "ct");
  const trained = join(base, "trained");
  await writePhantoms(data, "CT", { size: 32, slices: 3 });
  const command = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> => {
    const [, file, ...rest] = await commandLine(args);
    return await start(file!, rest, { env }).ended;
  };
  const tiny = ["--size", "32", "--width", "2", "--batch", "1", "--steps", "2", "--epochs", "1", "-q"];
  const made = await command(["train", "--preset", "ct-only", "--student", data, "--out", trained, ...tiny]);
  must(made.code === 0, `a run to write files of left with ${made.code}: ${made.stderr}`);
  const names = Object.keys(commandsOf("", "", ""));
  // Each command meets each kind of error once, and so does each operation.
  const all = names.flatMap((name, c) =>
    Array.from({ length: COMMAND_OPERATIONS }, (_, at) => ({ name, at, errno: errnos[(c + at) % errnos.length]! })),
  );
  let [tried, failing] = [0, 0];
  await inLanes(LANES, all.entries(), async ([n, { name, errno, at }]) => {
    if (!budget.allows(tried)) return;
    tried++;
    await tally.try(`${name} with ${errno} from operation ${at} on`, async () => {
      const out = join(base, `out-${n}`);
      await mkdir(out);
      const env = { LD_PRELOAD: faults, FAULT_UNDER: out, FAULT_AT: `${at}`, FAULT_ERRNO: `${ERRNO[errno]}` };
      const ended = await command(commandsOf(trained, data, out)[name]!, env);
      const left = (await readdir(out)).filter((entry) => !entry.startsWith("."));
      await rm(out, { recursive: true, force: true });
      if (ended.code === 0) {
        must(left.length > 0, "left with 0, and wrote nothing");
        return;
      }
      failing++;
      mustBeTold(ended, out, errno);
      // A disk that fails for good may keep a temporary file; the file itself is whole or not there.
      must(left.length === 0, `left ${left.join(", ")}`);
    });
  });
  tally.note(`${failing} of ${tried} commands (${names.join(", ")}) met their fault`);
  tally.count("commands, each with each kind of error", tried, all.length);
}

/** A small disk of its own, which only root may mount. */
async function onFullDisks(base: string, tally: Tally): Promise<void> {
  const point = join(base, "small");
  await mkdir(point);
  const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=400k", "tmpfs", point]).then(
    () => true,
    () => false,
  );
  if (!mounted) {
    tally.note("skipped: a small tmpfs can't be mounted here");
    return;
  }
  try {
    const file = await bundleOf("test/soak/tiny-run.ts");
    await tally.try("a run on a disk of 400 kB that fills up", async () => {
      const folder = join(point, "run");
      await writeFile(join(point, "filler"), new Uint8Array(150_000));
      const ended = await start(file, [folder, "9", "5", "2"]).ended;
      mustBeTold(ended, folder, "ENOSPC");
      await mustBeWhole(folder, 0);
      await rm(join(point, "filler"));
    });
  } finally {
    await run("umount", ["-l", point]);
  }
}
