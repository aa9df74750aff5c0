// Kernels that never end and drivers that crash, under a supervisor: found in time, replaced, resumed to the same bits.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RunFolder } from "../../node/run/folder.ts";
import { bundleOf, start } from "./child.ts";
import { type Soak, Tally, inLanes, must, quantile } from "./soak.ts";

const NUMBERS = ["2", "5", "2"];
/**
 * After each of them comes a step or a second checkpoint. At an epoch's end come programs that never ran before, which
 * may take longer.
 */
const AT = [3, 4, 6, 7, 8, 9];
const FOUND_MS = 15_000;
/** Hangs and crashes, each. */
const WANTED = 10;
const LANES = 2;

export const hang: Soak = {
  name: "hang",
  tries: "endless kernels and crashes of the process at random steps, under --supervise",
  seconds: 140,
  run: async (budget, random) => {
    const tally = new Tally();
    const base = await mkdtemp(join(tmpdir(), "cmedl-hang-"));
    const tinyRun = await bundleOf("test/soak/tiny-run.ts");
    const supervised = await bundleOf("test/soak/supervised.ts");
    const found: number[] = [];
    let crashes = 0;
    const losses = async (folder: string): Promise<string> => {
      const events = await (await RunFolder.open(folder)).events();
      return JSON.stringify(events.map(({ event, steps, losses, norms }) => ({ event, steps, losses, norms })));
    };
    try {
      const whole = join(base, "whole");
      const { code, stderr } = await start(tinyRun, [whole, ...NUMBERS]).ended;
      must(code === 0, `a run that nothing ended left with ${code}: ${stderr}`);
      const want = await losses(whole);
      const goOn = async (n: number, how: "SOAK_HANG" | "SOAK_CRASH"): Promise<void> => {
        const at = random.of(n).pick(AT);
        await tally.try(`${how} after step ${at}`, async () => {
          const folder = join(base, `run-${n}`);
          const once = join(base, `once-${n}`);
          const env = { [how]: `${at}`, SOAK_ONCE: once };
          const ended = await start(supervised, [tinyRun, folder, ...NUMBERS], { env }).ended;
          must(ended.code === 0, `left with ${ended.code ?? ended.signal}: ${ended.stderr}`);
          const told = /^said: (\d+) warning: (.*)$/m.exec(ended.stdout);
          must(told, "the supervisor said nothing of it");
          must(/hangs|crashed/.test(told[2]!), `the supervisor said: ${told[2]}`);
          const ms = Number(told[1]) - Number(await readFile(once, "utf8"));
          if (how === "SOAK_HANG") {
            found.push(ms);
            must(ms <= FOUND_MS, `was found after ${ms} ms`);
          } else crashes++;
          must((await losses(folder)) === want, "other losses than those of a run that nothing ended");
          await rm(folder, { recursive: true, force: true });
        });
      };
      // A hang takes one processor and is waited for: two at once.
      const hows = Array.from({ length: WANTED }, () => ["SOAK_HANG", "SOAK_CRASH"] as const).flat();
      let begun = 0;
      await inLanes(Math.min(LANES, budget.most), hows.entries(), async ([n, how]) => {
        if (budget.allows(begun++)) await goOn(n, how);
      });
      if (!budget.isShort)
        await tally.try("SIGTERM to the supervisor", async () => {
          const folder = join(base, "stopped");
          let sent = false;
          const child = start(supervised, [tinyRun, folder, "50", "5", "2"], {
            onLine: (line, { kill }) => {
              if (sent || !line.includes('"step"')) return;
              sent = true;
              kill.call(child.process, "SIGTERM");
            },
          });
          const { code, stderr } = await child.ended;
          must(code === 130, `left with ${code}: ${stderr}`);
          must((await readFile(join(folder, "STATUS"), "utf8")).startsWith("interrupted"), "did not save");
        });
    } finally {
      await rm(base, { recursive: true, force: true });
    }
    tally.count("hangs found", found.length, WANTED);
    tally.count("crashes", crashes, WANTED);
    const most = found.length > 0 ? Math.round(quantile(found, 1)) : 0;
    tally.note(`${found.length} hangs, found after ${most} ms at most; ${crashes} crashes`);
    return tally;
  },
};
