// This build against another commit's, in one run: each in its own process, in turn, in an order drawn for each round.
import type { GpuSource } from "../../engine/index.ts";
import { type ContestOptions, contest } from "../../lab/measure/contest.ts";
import type { Peaks } from "../measure/peaks.ts";
import { type Rounds, roundsOf } from "../../lab/measure/rounds.ts";
import { type Row, heldAgainst } from "../say/report.ts";
import { type Subject, prepare } from "./subject.ts";
import type { OtherBuild } from "./worktree.ts";

export interface Side extends ContestOptions {
  readonly driverMs?: () => number;
  readonly peaks?: Peaks;
}

/** Rows of the other build and of this one, in this order; a build that is wrong or can't do it has no time. */
export async function againstRows(
  gpu: GpuSource,
  other: OtherBuild,
  subject: Subject,
  options: Side,
): Promise<[theirs: Row, ours: Row]> {
  using own = await prepare(gpu, subject);
  const theirs = await other.ask({ prepare: subject });
  const rounds = await roundsOf(own.device.gpu, [own.program], options.driverMs);
  const { flops, bytes, checked } = own;
  const facts = { group: "kernel", clock: rounds.clock, flops, bytes } as const;
  const label = (build: string, kernels: string): string =>
    "op" in subject ? `${build}: ${kernels}` : `${kernels} ${build}`;
  const named = "name" in theirs ? theirs : undefined;
  const theirRow: Row = { ...facts, name: label(other.commit, named?.name ?? own.name), checked: named?.checked };
  const ourRow: Row = { ...facts, name: label("here", own.name), checked };
  const wrong = "error" in theirs ? theirs.error : named?.wrong;
  if (wrong || own.wrong) {
    rounds.dispose?.();
    return [
      { ...theirRow, ...(wrong ? { wrong } : {}) },
      { ...ourRow, ...(own.wrong ? { wrong: own.wrong } : {}) },
    ];
  }
  const [first, second] = await contest(inTurn(other, rounds), 2, options);
  rounds.dispose?.();
  const held = (ms: number) => heldAgainst(options.peaks, { ...facts, ms });
  return [
    { ...theirRow, ms: first!.ms, ...held(first!.ms.median) },
    { ...ourRow, ...second!, ...held(second!.ms.median) },
  ];
}

/** The other build is number 0, this one 1. */
const inTurn = (other: OtherBuild, own: Rounds): Rounds => ({
  clock: own.clock,
  async round(order) {
    const times: number[] = [];
    for (const i of order) {
      if (i === 1) times.push(...(await own.round([0])));
      else {
        const reply = await other.ask({ turn: true });
        if (!("ms" in reply)) throw new Error(`${other.commit}: ${"error" in reply ? reply.error : "no time"}`);
        times.push(reply.ms);
      }
    }
    return times;
  },
});
