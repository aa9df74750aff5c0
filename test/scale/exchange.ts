// Under mpirun: every way in which ranks exchange numbers, beside what it should give. Prints "rank R of K: ok".
import { launchOf } from "../../node/parallel/launcher.ts";
import { MpiRanks } from "../../node/parallel/mpi.ts";
import { halfSum } from "../../train/half-sum.ts";
import { requireAlike } from "../../train/ranks.ts";

const ranks = await MpiRanks.join(launchOf()!);
const { rank, size } = ranks;
const wrong: string[] = [];
const expect = (what: string, got: ArrayLike<number>, want: (i: number) => number): void => {
  for (let i = 0; i < got.length; i++) if (got[i] !== want(i)) return void wrong.push(`${what} ${i}: ${got[i]}`);
};
const all = (size * (size + 1)) / 2;

ranks.watch((silent) => wrong.push(`rank ${silent} is silent`));
// Several at once, small ones (on V8's heap, if they could be) and large ones.
const [small, large] = await Promise.all([
  ranks.sum(Float32Array.of(rank + 1, 2 * (rank + 1))),
  ranks.sum(new Float32Array(300_000).fill(rank + 1)),
]);
expect("a small sum", small!, (i) => (i + 1) * all);
expect("a large sum", large!, () => all);
expect("all to all", await ranks.allToAll(Uint16Array.from({ length: 2 * size }, (_, i) => 100 * rank + i)), (i) => {
  const [from, place] = [Math.floor(i / 2), i % 2];
  return 100 * from + 2 * rank + place;
});
expect("all gathered", await ranks.allGather(Uint16Array.of(rank, 7)), (i) => (i % 2 === 0 ? i / 2 : 7));
expect("half sums", await halfSum(new Float32Array(1001).fill(rank + 1), ranks), () => all);
await requireAlike(ranks, 0xdeadbeef, "nothing");
const unlike = await requireAlike(ranks, rank, "their number").then(
  () => "they were taken for alike",
  () => undefined,
);
if (unlike !== undefined) wrong.push(unlike);
if (!(await ranks.allEnd(60))) wrong.push("not all came to the end");
ranks.leave();
process.stdout.write(`rank ${rank} of ${size}: ${wrong.length === 0 ? "ok" : wrong.join("; ")}\n`, () =>
  process.exit(0),
);
