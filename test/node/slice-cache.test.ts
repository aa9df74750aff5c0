// Prepared slices on disk: when they are used again, what must make them anew, and batches that are read from them.
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { appendFile, mkdtemp, readFile, readdir, rename, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UnpairedBatches } from "../../data/batches.ts";
import { DataError } from "../../data/errors.ts";
import { parseBytes } from "../../node/bytes.ts";
import { bytesText } from "../../report/quantities.ts";
import { CachedSlices, SliceCache } from "../../node/dataset/index.ts";
import { CommandError } from "../../node/errors.ts";
import { FileError, exists, readBytes } from "../../node/files.ts";
import { Narrator } from "../../node/narrator.ts";
import { areUnchanged, recordReads } from "../../node/reads.ts";
import { filesBelow } from "../../node/dataset/open.ts";
import { planRun } from "../../node/run/plan.ts";
import { type RunSets, loadRunSets } from "../../node/run/sets.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { writePhantoms } from "../helpers/phantom-folder.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("slice cache");
let folder = "";
const at = (...parts: string[]): string => join(folder, ...parts);

/** A narrator whose lines are kept. */
class Lines extends Narrator {
  readonly lines: string[] = [];
  constructor() {
    super({ quiet: true });
  }
  override say(line: string): void {
    this.lines.push(line);
  }
}

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-cache-"));
  await writePhantoms(at("ct"), "CT", { size: 32, slices: 5 });
  await writePhantoms(at("mr"), "MR", { size: 32, slices: 5 });
});
test.after(() => rm(folder, { recursive: true, force: true }));

const planned = (data: object = {}) =>
  planRun(presetConfig("cmedl", { data: { student: at("ct"), teacher: at("mr"), size: 32, ...data } }));

/** The sets of a configuration by a new cache in the folder `name`, and how many cases it found and made. */
async function cached(name: string, data: object = {}, maxBytes?: number) {
  const { config, sources } = await planned(data);
  const cache = await SliceCache.open(at(name));
  const narrator = new Lines();
  const sets = await loadRunSets(config, sources, narrator, { cache, maxBytes });
  return { sets, found: cache.found, made: cache.made, says: narrator.lines.at(-1)!, config };
}

/** All batches of two epochs, as bytes. */
function batchesOf({ student, teacher }: RunSets): Buffer {
  const batches = new UnpairedBatches(student, teacher!, { batch: 2, seed: 7 });
  const out = batches.buffers();
  const all: Buffer[] = [];
  for (let epoch = 0; epoch < 2; epoch++)
    for (let step = 0; step < batches.stepsPerEpoch; step++) {
      batches.fill(epoch, step, out);
      for (const values of [out.xC, out.yC, out.xM, out.yM]) all.push(Buffer.from(values.slice().buffer));
    }
  return Buffer.concat(all);
}

test("batches from memory, from the cache, and from disk slice by slice are the same, bit for bit", async () => {
  const { config, sources } = await planned();
  const plain = await loadRunSets(config, sources, new Lines());
  const first = await cached("same");
  assert.equal([first.found, first.made], [0, 6]);
  const second = await cached("same");
  assert.equal([second.found, second.made], [6, 0]);
  const streamed = await cached("same", {}, 1000);
  assert.instance(streamed.sets.student, CachedSlices);
  assert.is(streamed.sets.bytesInMemory, 0);
  for (const { sets } of [first, second, streamed]) {
    assert.ok(batchesOf(sets).equals(batchesOf(plain)));
    assert.equal(sets.statistics, plain.statistics);
    assert.equal([...sets.validation.origins], [...plain.validation.origins]);
  }
  assert.is(first.sets.bytesInMemory, plain.bytesInMemory);
  assert.match(second.says, /^slices: 6 of 6 cases were prepared before; 0\.\d MiB, in memory; .*same holds 0\.\d MiB/);
  assert.match(streamed.says, /read from disk as they are needed/);
});

/** How many files of a folder this process has open. */
const openIn = (place: string): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(place);
    } catch {
      return false; // the folder's own, which is closed by now
    }
  }).length;
const withProc = existsSync("/proc/self/fd") ? test : test.skip;

withProc("files of slices on disk are closed with their sets, and where a set can't be loaded", async () => {
  const { config, sources } = await planned();
  const cache = await SliceCache.open(at("closed"));
  const options = { cache, maxBytes: 1000 };
  const empty = { ...config, data: { ...config.data, labels: [7] } };
  {
    using sets = await loadRunSets(config, sources, new Lines(), options);
    assert.is(sets.student.count > 0 && openIn(at("closed")), 6);
  }
  assert.is(openIn(at("closed")), 0);
  // The teacher's case is gone once the student's are open.
  const gone = { ...config, cases: { ...config.cases, teacherTrain: ["mr-009"] } };
  await refused(loadRunSets(gone, sources, new Lines(), options), /mr-009 of the run is gone/, DataError);
  assert.is(openIn(at("closed")), 0);
  await refused(loadRunSets(empty, sources, new Lines(), options), /masks: all 2 are empty of label 7/, DataError);
  assert.is(openIn(at("closed")), 0);
  // In memory nothing stays open.
  await loadRunSets(config, sources, new Lines(), { cache });
  assert.is(openIn(at("closed")), 0);
});

test("a set within --max-memory is in memory; one without a cache is refused", async () => {
  const { sets } = await cached("same", {}, 10e6);
  assert.not.instance(sets.student, CachedSlices);
  const { config, sources } = await planned();
  await refused(loadRunSets(config, sources, new Lines(), { maxBytes: 1 }), /without a cache/, CommandError);
});

test("any setting that shapes a slice makes new ones", async () => {
  const base = await cached("settings");
  const { fieldMm } = base.config.data;
  for (const [data, made] of [
    [{}, 0],
    [{ size: 48 }, 6],
    [{ fieldMm: fieldMm! - 10 }, 6],
    [{ negatives: 1 }, 5], // validation takes all slices, whatever they are
    [{ fieldAt: "tumour" }, 6],
    [{ slices: "lung" }, 6],
    [{ studentIntensity: { kind: "window", low: -200, high: 240 } }, 3],
    [{ teacherIntensity: { kind: "percentile", percentile: 98 } }, 3],
    [{ teacherIntensity: { kind: "histogram" } }, 3],
    [{ labels: [1] }, 6],
  ] as const)
    assert.is((await cached("settings", data)).made, made, JSON.stringify(data));
});

test("a file that changed is read again, though its size and its time are as before", async () => {
  await writePhantoms(at("changing"), "CT", { size: 32, slices: 5 });
  const before = await cached("changed", { student: at("changing") });
  const id = before.config.cases.studentTrain[0]!;
  for (const file of [`${id}_image.nii.gz`, `${id}_mask.nii.gz`]) {
    const other = before.config.cases.studentVal[0]!;
    const bytes = await readFile(at("changing", file.replace(id, other)));
    await rename(at("changing", file), at("aside"));
    await writeFile(at("changing", file), bytes);
    const long = new Date(0);
    await utimes(at("changing", file), long, long);
    const after = await cached("changed", { student: at("changing") });
    assert.is(after.made, 1, `${file} of another case`);
    assert.not.ok(batchesOf(after.sets).equals(batchesOf(before.sets)));
    await rename(at("aside"), at("changing", file));
    const again = await cached("changed", { student: at("changing") });
    assert.is(again.made, 1);
    assert.ok(batchesOf(again.sets).equals(batchesOf(before.sets)));
  }
});

test("what a killed writer leaves is not read, and is removed once it is old", async () => {
  const { sets } = await cached("killed");
  const names = await readdir(at("killed"));
  assert.is(names.length, 6);
  // Files that were cut anywhere, and one whose header is another's.
  const lengths = [0, 7, 15, 100, 5000];
  for (const [i, length] of lengths.entries()) await truncate(at("killed", names[i]!), length);
  const header = Buffer.from(await readFile(at("killed", names[5]!)));
  header[20]! ^= 1;
  await writeFile(at("killed", names[5]!), header);
  const half = at("killed", `.${names[0]}.1.aa.tmp`);
  await writeFile(half, "half");
  const mended = await cached("killed");
  assert.is(mended.made, 6);
  assert.ok(batchesOf(mended.sets).equals(batchesOf(sets)));
  assert.ok(await exists(half), "another process may be writing it");
  await utimes(half, new Date(0), new Date(0));
  await cached("killed");
  assert.not.ok(await exists(half));
});

test("a slice that the disk changed is noticed when it is read", async () => {
  const { sets } = await cached("damaged", {}, 1);
  const batches = batchesOf(sets);
  for (const name of await readdir(at("damaged"))) {
    const path = at("damaged", name);
    const bytes = await readFile(path);
    bytes[bytes.length - 40]! ^= 1;
    await writeFile(path, bytes);
  }
  const error = (): unknown => batchesOf(sets);
  await refused(error, /\.slices: slice \d of (ct|mr)-00\d is damaged; delete the file: it is made anew/, FileError);
  await rm(at("damaged"), { recursive: true });
  assert.ok(batchesOf((await cached("damaged", {}, 1)).sets).equals(batches));
});

test("two at once share a cache, and one that replaces files disturbs no reader", async () => {
  const both = await Promise.all([cached("shared", {}, 1), cached("shared", {}, 1)]);
  const [one, other] = both.map(({ sets }) => batchesOf(sets)) as [Buffer, Buffer];
  assert.ok(one.equals(other));
  for (const name of await readdir(at("shared"))) await truncate(at("shared", name), 10).catch(() => {});
  // The files were cut in place, as no writer of ours does; renamed ones stay as they were for who has them open.
  const again = await cached("shared", {}, 1);
  await cached("shared", { size: 48 }, 1);
  await rm(at("shared"), { recursive: true });
  assert.ok(batchesOf(again.sets).equals(one));
});

test("what was read is recorded: files, beginnings, absences, listings", async () => {
  await writeFile(at("a.bin"), "abcdef");
  const { reads } = await recordReads(async () => {
    await readBytes(at("a.bin"));
    await readBytes(at("a.bin"), 3);
    await exists(at("b.bin"));
    await filesBelow(at("ct"));
  });
  assert.equal(
    reads.map(({ what }) => what),
    ["file", "beginning", "existence", "listing"],
  );
  const isSame = (which: number): Promise<boolean> => areUnchanged([reads[which]!], (path) => filesBelow(path));
  for (const i of reads.keys()) assert.ok(await isSame(i));
  await appendFile(at("a.bin"), "g");
  assert.equal([await isSame(0), await isSame(1)], [false, true]);
  await writeFile(at("b.bin"), "");
  assert.not.ok(await isSame(2));
  await writeFile(at("ct", "new.nii"), "");
  assert.not.ok(await isSame(3));
  await rm(at("ct", "new.nii"));
});

test("bytes are read as people write them", () => {
  assert.equal(["2GB", "512MiB", "1.5 gib", "64M", "1000", "3kb"].map(parseBytes), [
    2e9,
    2 ** 29,
    1.5 * 2 ** 30,
    2 ** 26,
    1000,
    3000,
  ]);
  assert.equal(["", "0", "-1", "2 pounds", "GB", "1e3"].map(parseBytes), Array(6).fill(undefined));
  assert.equal([2 ** 20 / 5, 2 ** 29, 1.5 * 2 ** 30].map(bytesText), ["0.2 MiB", "512 MiB", "1.5 GiB"]);
});

test.run();
