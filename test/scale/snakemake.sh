#!/usr/bin/env bash
# An experiment as Snakemake runs it: killed while two runs train, then given again. The tables are those of the same
# experiment without Snakemake, and the weights too, byte for byte. Needs Debian's snakemake.
source "$(dirname "$0")/setup.bash"
need snakemake

phantoms "$WORK/data" 8
request=(experiment pays --data "$WORK/data" --rows ct --student-cases 2 --seeds 2 --steps 40)
mkdir -p "$WORK/plain" "$WORK/snake"
cd "$WORK/plain"
$CMEDL "${request[@]}" --quiet >/dev/null
cd "$WORK/snake"
$CMEDL "${request[@]}" --emit snakemake
# In a group of its own, which is killed as a whole: as by a machine that goes down.
setsid snakemake --cores 2 >"$WORK/first.log" 2>&1 &
first=$!
pids+=("$first")
trains() { [ "$(ls -d runs/pays/runs/ct-k2-seed?/checkpoints/step-* 2>/dev/null | cut -d/ -f4 | sort -u | wc -l)" -eq 2 ]; }
wait_for 600 "both runs to train" trains
kill -KILL -- "-$first"
wait "$first" 2>/dev/null || true
check "nothing is done yet" test -z "$(ls runs/pays/done 2>/dev/null)"
missing=$($CMEDL "${request[@]}" --collect --quiet)
check "the runs that are missing are named" grep -q "missing: ct-k2-seed0, ct-k2-seed1" <<<"$missing"

locked() { ! snakemake --cores 2 >"$WORK/locked.log" 2>&1 && grep -q -- --unlock "$WORK/locked.log"; }
check "Snakemake asks for its lock to be taken away" locked
snakemake --cores 2 --unlock >"$WORK/unlock.log" 2>&1
check "given again, it comes to the end" snakemake --cores 2 --rerun-incomplete >"$WORK/second.log" 2>&1
goes_on() { [ "$(grep -l 'going on with' runs/pays/logs/*.log | wc -l)" -eq 2 ]; }
check "both runs went on where they had saved" goes_on
check "given once more, nothing is to be done" grep -q "Nothing to be done" <<<"$(snakemake --cores 2 2>&1)"
check "the tables are those without Snakemake" cmp runs/pays/table.csv "$WORK/plain/runs/pays/table.csv"
same_checkpoints() {
  local seed
  for seed in 0 1; do
    cmp "$WORK"/{plain,snake}/runs/pays/runs/ct-k2-seed$seed/checkpoints/step-00000040.safetensors || return 1
  done
}
check "and so are the weights, byte for byte" same_checkpoints
finish
