#!/usr/bin/env bash
# examples/queue on a Redis of its own: three workers, two of which are killed at work. No study is lost or done twice, and
# one that is no image fails, until it is mended and given again. Needs Debian's redis-server, and npm for the example.
source "$(dirname "$0")/setup.bash"
need redis-server redis-cli npm
STUDIES=24

cp -r "$ROOT/examples/queue" "$WORK/queue"
cd "$WORK/queue"
# cmedl and its GPU are this repository's.
npm pkg delete dependencies.cmedl dependencies.webgpu
npm install --no-audit --no-fund --loglevel=error >"$WORK/npm.log" 2>&1 ||
  skip "bullmq and ioredis are not to be had from npm ($(head -n 1 "$WORK/npm.log"))"
ln -s "$ROOT" node_modules/cmedl

port=$(node -e 'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port); this.close(); })')
export REDIS_URL="redis://127.0.0.1:$port" LOCK_MS=10000
start redis redis-server --port "$port" --bind 127.0.0.1 --dir "$WORK" --save "" --appendonly yes --maxmemory-policy noeviction
redis() { redis-cli -p "$port" "$@"; }
answers() { redis ping >/dev/null 2>&1; }
wait_for 30 "Redis" answers

phantoms "$WORK/phantoms" "$STUDIES"
mkdir -p "$WORK/studies/deep"
mv "$WORK"/phantoms/ct/*_image.nii.gz "$WORK/studies/deep"
(cd "$ROOT" && node tools/run.mjs test/scale/tiny-model.ts "$WORK/model.safetensors")
echo "no image" >"$WORK/studies/broken.nii.gz"

enqueue() { node enqueue.mjs "$WORK/studies"; }
check "every study is enqueued" [ "$(enqueue)" = "$((STUDIES + 1)) studies, $((STUDIES + 1)) of them to be done" ]
check "and once, though given twice" [ "$(enqueue; redis llen bull:segment:wait)" = "$((STUDIES + 1)) studies, $((STUDIES + 1)) of them to be done
$((STUDIES + 1))" ]

lines() { find "$WORK/masks" -name '*.json' 2>/dev/null | wc -l; }
some_are_done() { [ "$(lines)" -ge 4 ]; }
workers=()
for n in 1 2 3; do
  start "worker$n" node worker.mjs "$WORK/model.safetensors" "$WORK/masks"
  workers+=($!)
done
wait_for 300 "the first studies" some_are_done
# Held still, a worker has the study that it has: two are killed while they have one each.
stopped_at_work() {
  kill -STOP "${workers[0]}" "${workers[1]}"
  sleep 1.5
  [ "$(redis llen bull:segment:active)" -eq 3 ] && return
  kill -CONT "${workers[0]}" "${workers[1]}"
  sleep 0.1
  return 1
}
wait_for 120 "all workers to be at work" stopped_at_work
kill -KILL "${workers[0]}" "${workers[1]}"
wait "${workers[0]}" "${workers[1]}" 2>/dev/null || true
done_then=$(lines)
echo "killed two of three workers with $done_then of $STUDIES studies done"
check "work was left" [ "$done_then" -lt "$STUDIES" ]

all_are_done() { [ "$(lines)" -eq "$STUDIES" ] && [ "$(redis llen bull:segment:active)" -eq 0 ] && [ "$(redis llen bull:segment:wait)" -eq 0 ]; }
wait_for 600 "all studies" all_are_done
stalled=$(redis xrange bull:segment:events - + | grep -cx stalled)
check "the two studies of the killed workers were given to the third ($stalled)" [ "$stalled" -ge 2 ]
check "every study has one mask" [ "$(find "$WORK/masks/deep" -name '*-mask.nii.gz' | wc -l)" -eq "$STUDIES" ]
check "every mask is whole" gzip -t "$WORK"/masks/deep/*-mask.nii.gz
manifest() { find "$WORK/masks" -name '*.json' -exec cat {} +; }
names() { node -e 'const t = require("fs").readFileSync(0, "utf8").trim(); for (const l of t.split("\n")) console.log(JSON.parse(l).study)'; }
check "every study has one line" [ "$(manifest | names | sort)" = "$(cd "$WORK/studies" && ls deep/*.nii.gz)" ]
check "what is no image failed, and nothing else" [ "$(redis zcard bull:segment:failed)" -eq 1 ]
before=$(cd "$WORK/masks" && find . -name '*-mask.nii.gz' -exec stat -c '%n %Y %s' {} + | sort)
cp "$WORK"/studies/deep/*-001_image.nii.gz "$WORK/studies/broken.nii.gz"
check "given again, the mended one alone is to be done" [ "$(enqueue)" = "$((STUDIES + 1)) studies, 1 of them to be done" ]
mended_is_done() { [ -f "$WORK/masks/broken.json" ]; }
wait_for 120 "the mended study" mended_is_done
check "masks that were there are as they were" \
  [ "$(cd "$WORK/masks" && find ./deep -name '*-mask.nii.gz' -exec stat -c '%n %Y %s' {} + | sort)" = "$before" ]
kill -TERM "${workers[2]}"
check "a worker that is told to stop ends well" wait "${workers[2]}"
finish
