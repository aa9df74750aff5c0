// Runs of the studio without a page: its worker's code on files in memory.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../data/errors.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { phantomCase } from "../../data/synthetic.ts";
import { UsageError } from "../../engine/index.ts";
import { readModelZip } from "../../train/model-zip.ts";
import type { StepEvent } from "../../train/run/events.ts";
import { type AskedRun, type ChosenFolders, askedConfig } from "../../web/worker/asked-run.ts";
import { type DroppedFile, Files } from "../../web/worker/files.ts";
import type { RunNews } from "../../web/worker/run-keeper.ts";
import { type Locks, type RunRecord, RunStore } from "../../web/worker/run-store.ts";
import type { Storage } from "../../web/worker/storage.ts";
import { Training } from "../../web/worker/training.ts";
import { openDevice } from "../helpers/device.ts";
import { refused } from "../helpers/refused.ts";

const test = suite("training in the studio");

/** Files in memory; `fail` hears of each write before it is done. */
class Memory implements Storage {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  fail: (path: string) => void = () => {};
  async names(folder: string): Promise<string[]> {
    const below = [...this.files.keys()].filter((path) => path.startsWith(`${folder}/`));
    return [...new Set(below.map((path) => path.slice(folder.length + 1).split("/")[0]!))];
  }
  async read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.files.get(path)?.slice();
  }
  async write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.fail(path);
    this.files.set(path, bytes.slice());
  }
  async remove(path: string): Promise<void> {
    for (const name of this.files.keys()) if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
}

/** One page's locks are all there are. */
function locksInMemory(): Locks {
  const held = new Set<string>();
  return {
    async request(name: string, options: unknown, f?: unknown): Promise<unknown> {
      const run = f as (lock: { name: string; mode: "exclusive" } | null) => Promise<unknown>;
      assert.equal(options, { ifAvailable: true });
      if (held.has(name)) return run(null);
      held.add(name);
      try {
        return await run({ name, mode: "exclusive" });
      } finally {
        held.delete(name);
      }
    },
    query: async () => ({ held: [...held].map((name) => ({ name, mode: "exclusive" as const })), pending: [] }),
  } as Locks;
}

const never = new AbortController().signal;
const asked: AskedRun = {
  name: "tiny",
  source: "phantoms",
  regime: "ct-only",
  size: 32,
  epochs: 2,
  steps: 5,
  seed: 3,
  fields: "{networks: {segmentor: {width: 2}}, optimization: {batch: 2}}",
};

const none: ChosenFolders = { student: [], teacher: [] };
const create = ({ training }: Studio, of = asked, chosen = none): Promise<RunRecord> =>
  training.create(of, chosen, () => {}, never);

interface Studio {
  readonly storage: Memory;
  readonly store: RunStore;
  readonly training: Training;
  readonly files: Files;
}
function studioOf(storage = new Memory()): Studio {
  const store = new RunStore(storage, locksInMemory());
  const files = new Files();
  return { storage, store, files, training: new Training(store, files, () => openDevice()) };
}

/** Losses of every step and epoch, by their place. */
async function losses({ store }: Studio, { id }: RunRecord): Promise<unknown[]> {
  return (await store.events(id)).map((e) => (e.event === "sign" ? e : [e.event, e.steps, e.losses]));
}

/** Trains until step `until`, where `end` aborts. */
async function trainUntil({ training }: Studio, { id }: RunRecord, until: number, how: "pause" | "stop") {
  const end = new AbortController();
  const hear = ({ events }: RunNews): void => {
    if (events.some((e) => e.event === "step" && e.steps >= until)) end.abort();
  };
  return training.run(id, hear, how === "pause" ? end.signal : never, how === "stop" ? end.signal : never);
}

test("a form gives the preset's configuration, and more fields count more", async () => {
  const config = await askedConfig(asked);
  assert.is(config.regime, "ct-only");
  assert.equal([config.data.size, config.optimization.epochs, config.optimization.steps], [32, 2, 5]);
  assert.equal([config.networks.segmentor.width, config.optimization.batch], [2, 2]);
  assert.is((await askedConfig({ ...asked, regime: "cmedl", fields: '{"seed": 8}' })).seed, 8);
  const fields = (text: string) => askedConfig({ ...asked, fields: text });
  await refused(
    fields("networks: {segmentor: {widht: 2}}"),
    /networks\.segmentor\.widht: .*did you mean width\?/,
    Error,
  );
  await refused(fields("init: runs/first"), /init: names a file, which a page can't open/, Error);
  await refused(fields("networks: {features: {file: vgg.pth}}"), /networks\.features\.file: names a file/, Error);
  await refused(fields("a: [1"), /more fields: text: is no YAML/, Error);
});

test("a run that was paused goes on, after all is opened again, to the losses of one that was not", async () => {
  const whole = studioOf();
  const uninterrupted = await create(whole);
  const ended = await whole.training.run(uninterrupted.id, () => {}, never, never);
  assert.equal([ended.state, ended.steps], ["finished", 10]);

  const before = studioOf();
  const run = await create(before);
  // News are told a few times a second, the first step's at once.
  const paused = await trainUntil(before, run, 1, "pause");
  assert.is(paused.state, "paused");
  assert.ok(paused.steps >= 1 && paused.steps < 10, `paused after ${paused.steps} steps`);

  const after = studioOf(before.storage);
  const [listed] = await after.training.list();
  assert.equal([listed!.id, listed!.state, listed!.steps], [run.id, "paused", paused.steps]);
  assert.is((await after.training.run(run.id, () => {}, never, never)).state, "finished");
  assert.equal(await losses(after, run), await losses(whole, uninterrupted));

  const { picture, record } = await after.training.open(run.id);
  assert.match(picture!, "epoch 2");
  assert.ok(record.best && record.best.epoch >= 1);
  const { bytes } = await after.training.zip(run.id);
  assert.is(readModelZip(bytes).config.networks.segmentor.width, 2);
  const model = await after.training.use(run.id);
  assert.is(after.files.models.get(model.id)!.size, 32);
  await after.training.remove(run.id);
  assert.equal([...after.storage.files.keys()], []);
});

test("a run that is stopped, or whose save fails, stands where it was saved last", async () => {
  const studio = studioOf();
  const run = await create(studio, { ...asked, fields: `${asked.fields.slice(0, -1)}, saveEvery: 2}` });
  studio.storage.fail = (path) => {
    if (path.endsWith("latest.safetensors") && studio.storage.files.has(path)) throw new Error("no room");
  };
  await refused(
    studio.training.run(run.id, () => {}, never, never),
    /no room/,
    Error,
  );
  studio.storage.fail = () => {};
  const failed = await studio.store.record(run.id);
  assert.equal([failed.state, failed.steps, failed.problem], ["failed", 2, "no room"]);
  assert.is((await studio.store.latest(run.id))!.checkpoint.progress.steps, 2);
  // What the log tells beyond that is said again.
  const stopped = await trainUntil(studio, run, 3, "stop");
  assert.is(stopped.state, "paused");
  assert.is((await studio.training.run(run.id, () => {}, never, never)).state, "finished");
  const steps = (await studio.store.events(run.id)).filter((e): e is StepEvent => e.event === "step");
  assert.equal(
    steps.map((e) => e.steps),
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
});

test("two pages don't train one run, and a run whose page was closed is paused", async () => {
  const studio = studioOf();
  const run = await create(studio);
  await studio.store.put({ ...run, state: "running", steps: 5 });
  assert.is((await studio.training.list())[0]!.state, "paused");
  await studio.store.alone(run.id, async () => {
    assert.is((await studio.training.list())[0]!.state, "running");
    await refused(
      studio.training.run(run.id, () => {}, never, never),
      /another tab trains this run/,
      UsageError,
    );
    await refused(studio.training.remove(run.id), /another tab trains this run/, UsageError);
  });
  await studio.training.remove(run.id);
  await refused(studio.training.open(run.id), /the run is gone/, UsageError);
});

/** A folder of phantoms as a page gets it: images/ and labels/. */
function folderOf(modality: "CT" | "MR", count: number): DroppedFile[] {
  return Array.from({ length: count }, (_, index) => {
    const { image, mask } = phantomCase({ modality, seed: 4, index, size: 32, slices: 6 });
    const file = (part: string, data: Int16Array | Uint8Array): DroppedFile => ({
      path: `${modality}/${part}/p${index}.nii.gz`,
      file: new Blob([writeNifti(data as Uint8Array<ArrayBuffer>, image)]),
    });
    return [file("images", Int16Array.from(image.data)), file("labels", mask)];
  }).flat();
}

test("a run of two folders goes on without them, and names what is wrong with one", async () => {
  const studio = studioOf();
  const of: AskedRun = { ...asked, name: "", source: "folders", epochs: 1, steps: 60 };
  const folders = { student: folderOf("CT", 4), teacher: folderOf("MR", 2) };
  const run = await create(studio, of, folders);
  assert.is(run.name, "ct-only on folders");
  assert.is(run.config.cases.studentTrain.length + run.config.cases.studentVal.length, 4);
  const paused = await trainUntil(studio, run, 1, "pause");
  assert.is(paused.state, "paused");
  const again = studioOf(studio.storage);
  assert.is((await again.training.run(run.id, () => {}, never, never)).steps, 60);
  const whole = await create(studio, of, folders);
  await studio.training.run(whole.id, () => {}, never, never);
  assert.equal(await losses(again, run), await losses(studio, whole));

  const cmedl: AskedRun = { ...of, regime: "cmedl" };
  const taught = await create(studio, cmedl, folders);
  assert.equal(taught.config.cases.teacherTrain, ["p0", "p1"]);
  const { teacher, statistics } = await studio.store.sets(taught);
  assert.equal([teacher!.size, teacher!.count], [32, statistics.slices.teacher!.count]);
  const alone = { ...folders, teacher: [] };
  await refused(create(studio, cmedl, alone), /the teacher's folder: folder: is not chosen/, DataError);
  const lacking = folders.student.filter(({ path }) => path !== "CT/labels/p1.nii.gz");
  await refused(create(studio, of, { ...folders, student: lacking }), /CT\/images\/p1\.nii\.gz: mask: none/, DataError);
  const name = [...studio.storage.files.keys()].find((path) => path.endsWith("student.slices"))!;
  studio.storage.files.set(name, studio.storage.files.get(name)!.slice(0, -9));
  const damaged = await studio.store.record(name.split("/")[1]!);
  await refused(studio.store.sets(damaged), /student: slices: are cut short/, DataError);
});

test("an estimate tells what a run takes, and keeps nothing", async () => {
  const studio = studioOf();
  const said: string[] = [];
  const text = await studio.training.estimate(asked, none, ({ what }) => said.push(what), never);
  assert.match(text, /^It fits this GPU: a run takes \d+ MiB .* for 2 epochs/);
  assert.ok(said.includes("compiling") && said.includes("making slices: student"));
  assert.equal([...studio.storage.files.keys()], []);
});

test.run();
