// A process of its own that trains on nothing: it prepares the sets of two folders with so many bytes of memory for
// slices, goes through two epochs of batches, and prints what its memory was, in bytes.
//   node tools/run.mjs test/helpers/stream-slices.ts STUDENT TEACHER CACHE BYTES SIZE
import { UnpairedBatches } from "../../data/batches.ts";
import { SliceCache } from "../../node/dataset/index.ts";
import { Narrator } from "../../node/narrator.ts";
import { planRun } from "../../node/run/plan.ts";
import { loadRunSets } from "../../node/run/sets.ts";
import { presetConfig } from "../../train/config/presets.ts";

const [student, teacher, folder, bytes, size] = process.argv.slice(2) as [string, string, string, string, string];
const { config, sources } = await planRun(
  presetConfig("cmedl", { data: { student, teacher, size: Number(size), negatives: 10 } }),
);
const atStart = process.memoryUsage.rss();
let most = 0;
const measure = (): void => {
  most = Math.max(most, process.memoryUsage.rss());
};
const cache = await SliceCache.open(folder);
const timer = setInterval(measure, 20);
const sets = await loadRunSets(config, sources, new Narrator({ quiet: true }), { cache, maxBytes: Number(bytes) });
clearInterval(timer);
const prepared = most;
most = 0;
const batches = new UnpairedBatches(sets.student, sets.teacher!, { batch: 2, seed: 1 });
const out = batches.buffers();
let sum = 0;
const early: number[] = [];
for (let epoch = 0; epoch < 2; epoch++)
  for (let step = 0; step < batches.stepsPerEpoch; step++) {
    batches.fill(epoch, step, out);
    sum += out.xC[0]! + out.yM[0]!;
    measure();
    if (epoch === 0 && step < 10) early.push(process.memoryUsage.rss());
  }
const count = [sets.student, sets.teacher!, sets.validation].reduce((n, set) => n + set.count, 0);
process.stdout.write(
  JSON.stringify({
    slices: count,
    slicesBytes: count * 5 * Number(size) ** 2,
    atStart,
    prepared,
    early: Math.max(...early),
    most,
    isRead: Number.isFinite(sum),
    made: cache.made,
  }),
);
