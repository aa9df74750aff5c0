#!/usr/bin/env bash
# A job that failed can't be given again under its id, and nothing says so.
# Versions: bullmq 6.7.0, ioredis 5.11.1, redis-server 7.0 of Debian 12.
# One would guess: queue.add with the id of a job that failed queues it again, or throws.
# Seen: add resolves with a job of that id, as for a new one, with the new data in it; Redis keeps the failed one with the
#   old data, and nothing is waiting. Job.retry() queues it, with the old data.
# A tool should: ask the job that add gave for its state, and retry or remove one that failed.
source "$(dirname "$0")/setup.bash"
debian_package redis-server 7.0
npm_packages bullmq@6.7.0 ioredis@5.11.1
cat >seen.mjs <<'JS'
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { Queue, QueueEvents, Worker } from "bullmq";
import { report } from "./report.mjs";
const port = await new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const flags = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", process.cwd()];
const redis = spawn("redis-server", flags, { stdio: "ignore" });
const connection = { host: "127.0.0.1", port };
const queue = new Queue("q", { connection });
queue.on("error", () => {}); // until Redis listens
await queue.waitUntilReady();
const events = new QueueEvents("q", { connection });
await events.waitUntilReady();
const jobId = "study-a";
const first = await queue.add("segment", { path: "wrong" }, { jobId });
const worker = new Worker("q", async () => { throw new Error("no image"); }, { connection });
await first.waitUntilFinished(events).catch(() => {});
await worker.close();
const added = await queue.add("segment", { path: "right" }, { jobId }).then((job) => job, (error) => error);
const waiting = await queue.getWaitingCount();
const held = (await queue.getJob(jobId)).data.path;
const state = await added.getState();
await added.retry();
const retried = await queue.getWaitingCount();
redis.kill();
report([
  ["add of the failed job's id gives a job of that id", added.id, jobId],
  ["its data, as add gives it", added.data.path, "right"],
  ["the data that Redis has", held, "wrong"],
  ["its state", state, "failed"],
  ["jobs that wait", waiting, 0],
  ["jobs that wait after retry()", retried, 1],
]);
JS
node seen.mjs
