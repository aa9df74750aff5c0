// Gives a folder's studies to the workers: `node enqueue.mjs FOLDER`. Given again, it adds what is new alone, and what failed.
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { Queue } from "bullmq";

const folder = resolve(process.argv[2] ?? ".");
const files = (await readdir(folder, { recursive: true })).filter((name) => /\.nii(\.gz)?$/i.test(name)).sort();

const queue = new Queue("segment", { connection: { url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" } });
let waiting = 0;
for (const study of files) {
  // One study is one job, however often it is given: a job whose id is there already is not added.
  const jobId = createHash("sha256").update(`${folder}\0${study}`).digest("hex");
  const job = await queue.add("segment", { folder, study }, { jobId, attempts: 3, backoff: 5000 });
  if (await job.isFailed()) await job.retry();
  if (!(await job.isCompleted())) waiting++;
}
console.log(`${files.length} studies, ${waiting} of them to be done`);
await queue.close();
