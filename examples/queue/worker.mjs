// Segments studies of the queue: `node worker.mjs MODEL.safetensors MASKS`, as many times as there are GPUs, on any machine
// that has the folders. A worker that is killed loses no study: Redis gives it to another once the lock has run out.
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UnrecoverableError, Worker } from "bullmq";
import { CmedlError, Device } from "cmedl";
import { parseNifti, writeNifti } from "cmedl/data";
import { Segmenter, loadModel } from "cmedl/inference";
import { openNodeGpu, writeAtomic } from "cmedl/node";

const [, , model = "model.safetensors", masks = "masks"] = process.argv;
/** How long a study stays with a worker that is not heard of. It is heard of twice in that time while it works. */
const lockDuration = Number(process.env.LOCK_MS ?? 60_000);

const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
const segmenter = await Segmenter.open(device, loadModel(await readFile(model), model));
const exists = (file) =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Mask and line of one study, each whole or not there (a temporary file, renamed). Whoever finds the line has nothing to
 * do, and two who work on one study write the same: so a study that is given twice is done once.
 */
async function segment({ folder, study }) {
  const name = join(masks, study.replace(/\.nii(\.gz)?$/i, ""));
  if (await exists(`${name}.json`)) return "done before";
  const started = performance.now();
  const volume = parseNifti(new Uint8Array(await readFile(join(folder, study))), study);
  const mask = await segmenter.segment(volume);
  await writeAtomic(`${name}-mask.nii.gz`, writeNifti(mask, volume, { gzip: true }));
  const line = { study, model, voxels: mask.filter(Boolean).length, ms: Math.round(performance.now() - started) };
  await writeAtomic(`${name}.json`, `${JSON.stringify(line)}\n`);
  return "done";
}

const worker = new Worker(
  "segment",
  (job) =>
    segment(job.data).catch((error) => {
      // What is wrong with an image stays wrong: only what may pass is tried again.
      if (CmedlError.from(error).code === "data") throw new UnrecoverableError(error.message);
      throw error;
    }),
  {
    connection: { url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" },
    lockDuration,
    stalledInterval: lockDuration / 2,
    maxStalledCount: 5, // by default a second worker's death fails the job
  },
);
worker.on("completed", (job, how) => console.log(`${job.data.study}: ${how}`));
worker.on("failed", (job, error) => console.error(`${job?.data.study}: ${error.message}`));
worker.on("error", (error) => console.error(error.message));
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void worker.close().then(() => process.exit(0)));
