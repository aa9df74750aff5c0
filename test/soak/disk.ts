// Disks that are full, read-only, failing, slow or gone, at any operation of a run and of what commands write: a typed
// error that names the file and the mend, nothing half-written, and the last checkpoint whole.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { commandLine } from "../cli/command.ts";
import { type Ended, bundleOf, start } from "./child.ts";
import { mustBeWhole, mustEqual, uninterrupted } from "./killed-run.ts";
import { type Budget, type Random, type Soak, Tally, must } from "./soak.ts";

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

export const disk: Soak = {
  name: "disk",
  tries: "full, read-only, failing, slow and vanishing disks under runs and under what commands write",
  share: 5,
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
        await underRuns(budget.part(0.6), random, base, faults, tally);
        if (budget.most === Infinity) await underCommands(budget.part(0.7), random.of(1), base, faults, tally);
      }
      if (budget.most === Infinity) await onFullDisks(base, tally);
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

async function underRuns(budget: Budget, random: Random, base: string, faults: string, tally: Tally): Promise<void> {
  const file = await bundleOf("test/soak/tiny-run.ts");
  const killable = {
    lanes: 1,
    saveEvery: 2,
    stepsPerEpoch: 5,
    start: async (folder: string, options: Parameters<typeof start>[2]) => start(file, [folder, ...NUMBERS], options),
  };
  const whole = await uninterrupted(killable, join(base, "whole"));
  let vanished = 0;
  const before = tally.tried;
  for (let n = 0; budget.allows(tally.tried - before); n++) {
    const draw = random.of(n);
    const folder = join(base, `run-${n}`);
    const errno = draw.pick(Object.keys(ERRNO) as (keyof typeof ERRNO)[]);
    const at = draw.whole(OPERATIONS);
    const isSlow = draw.next() < 0.1;
    const vanishes = !isSlow && draw.next() < 0.1;
    const env: Readonly<Record<string, string>> = isSlow
      ? { FAULT_SLOW_US: "20000" }
      : vanishes
        ? {}
        : { FAULT_AT: `${at}`, FAULT_ERRNO: `${ERRNO[errno]}` };
    const how = isSlow ? "slow" : vanishes ? "vanishing" : `${errno} from operation ${at} on`;
    await tally.try(`${how} (seed ${random.seed}, ${n})`, async () => {
      let acknowledged = 0;
      let steps = 0;
      const child = await killable.start(folder, {
        env: { LD_PRELOAD: faults, FAULT_UNDER: folder, ...env },
        onLine: (line) => {
          if (!line.startsWith('{"event":"step"')) return;
          steps++;
          if (steps > 2) acknowledged = 2;
          if (vanishes && steps === 4) void rm(folder, { recursive: true, force: true });
        },
      });
      const ended = await child.ended;
      if (vanishes) {
        vanished++;
        must(ended.code === 7 && ended.stderr.includes(folder), `left with ${ended.code}: ${ended.stderr}`);
        return;
      }
      if (ended.code !== 0) {
        mustBeTold(ended, folder, errno);
        if (existsSync(folder)) await mustBeWhole(folder, acknowledged);
        const again = await (await killable.start(folder, {})).ended;
        must(again.code === 0, `the resume left with ${again.code}: ${again.stderr}`);
      }
      await mustEqual(folder, whole);
    });
    await rm(folder, { recursive: true, force: true });
  }
  tally.note(`${tally.tried - before} runs, of which ${vanished} lost their folder`);
}

async function underCommands(
  budget: Budget,
  random: Random,
  base: string,
  faults: string,
  tally: Tally,
): Promise<void> {
  const trained = join(base, "whole");
  const image = join(base, "image.nii.gz");
  const volume = phantomCase({ modality: "CT", seed: 0, index: 0, size: 32 }).image;
  await writeFile(image, writeNifti(Int16Array.from(volume.data), volume));
  const out = join(base, "out");
  const commands: Readonly<Record<string, readonly string[]>> = {
    convert: ["convert", image, join(out, "image.nii")],
    "convert to MetaImage": ["convert", image, join(out, "image.mha")],
    export: ["export", trained, join(out, "model.zip")],
    report: ["report", trained, "-o", join(out, "report.html")],
  };
  const fresh = async (): Promise<void> => {
    await rm(out, { recursive: true, force: true });
    await mkdir(out);
  };
  const usable: string[] = [];
  for (const [name, args] of Object.entries(commands)) {
    await fresh();
    const [, file, ...rest] = await commandLine(args);
    const { code } = await start(file!, rest).ended;
    if (code === 0 && (await readdir(out)).length > 0) usable.push(name);
  }
  tally.note(`commands: ${usable.join(", ")}`);
  const before = tally.tried;
  for (let n = 0; usable.length > 0 && budget.allows(tally.tried - before); n++) {
    const draw = random.of(n);
    const name = usable[n % usable.length]!;
    const errno = draw.pick(Object.keys(ERRNO) as (keyof typeof ERRNO)[]);
    const at = draw.whole(5);
    await tally.try(`${name} with ${errno} from operation ${at} on`, async () => {
      await fresh();
      const [, file, ...rest] = await commandLine(commands[name]!);
      const env = { LD_PRELOAD: faults, FAULT_UNDER: out, FAULT_AT: `${at}`, FAULT_ERRNO: `${ERRNO[errno]}` };
      const ended = await start(file!, rest, { env }).ended;
      if (ended.code === 0) return;
      mustBeTold(ended, out, errno);
      const left = await readdir(out);
      // A disk that fails for good may keep a temporary file; the file itself is whole or not there.
      must(!left.some((entry) => !entry.startsWith(".")), `left ${left.join(", ")}`);
    });
  }
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
