// A run's pictures: those that an epoch draws, and those that its report shows.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RunFolder } from "../../node/run/folder.ts";
import { epochSvg } from "../../report/epoch-picture.ts";
import { writeReport } from "../../node/run/report.ts";
import { dataUrl } from "../../report/markup.ts";
import { SIZE, discs } from "../helpers/tiny-cmedl.ts";

const test = suite("pictures of a run");
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-pictures-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

test("a teacher with fewer slices than rows leaves the others without a real image", () => {
  const set = discs(4, 1, 1);
  const plane = new Float32Array(SIZE ** 2).fill(0.5);
  const rows = [0, 2].map((slice) => ({ slice, ct: plane, pM: plane, probability: plane }));
  const drawn = (pictured: readonly number[]): string =>
    epochSvg(rows, set, { slices: discs(2, 2, 1), pictured }, "epoch 1", ["1"]);
  assert.match(drawn([1]), "real, other patient");
  assert.is.not(drawn([1]), drawn([1, 0]));
  assert.not.match(drawn([]), "real, other patient");
});

test("a report shows pictures of earlier versions, which were PNG, as such", async () => {
  const run = await RunFolder.create(join(folder, "run"));
  const [first, last] = [Uint8Array.of(137, 80, 78, 71, 1), new TextEncoder().encode("<svg/>")];
  await writeFile(join(run.path, "pictures", "epoch-001.png"), first);
  await writeFile(join(run.path, "pictures", "epoch-002.svg"), last);
  const epoch = { event: "epoch", at: "", losses: {}, scheduled: {}, validationLoss: 1, dice: 0.5 };
  const lines = [true, false].map((best, i) => JSON.stringify({ ...epoch, epoch: i + 1, best }));
  await writeFile(join(run.path, "log.jsonl"), `${lines.join("\n")}\n`);
  const page = await readFile(await writeReport(run), "utf8");
  const sources = [...page.matchAll(/<img alt="([^"]+)" src="([^"]+)"/g)].map(([, title, source]) => [title, source]);
  assert.equal(sources, [
    ["The epoch that is kept: 1", dataUrl("image/png", first)],
    ["The last epoch", dataUrl("image/svg+xml", last)],
  ]);
  // Of a thousand epochs the last one is not called the last by its letters.
  await writeFile(join(run.path, "pictures", "epoch-999.svg"), "<svg>999</svg>");
  await writeFile(join(run.path, "pictures", "epoch-1000.svg"), "<svg>1000</svg>");
  const later = await readFile(await writeReport(run), "utf8");
  assert.match(later, dataUrl("image/svg+xml", new TextEncoder().encode("<svg>1000</svg>")));
});

test.run();
