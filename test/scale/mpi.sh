#!/usr/bin/env bash
# One training by several processes: 1, 2 and 4 ranks give the same losses and weights to rounding, by Open MPI and by
# MPICH; a run goes on with another number of ranks; a killed rank ends the job, which then goes on.
# Needs Debian's openmpi-bin or mpich, and koffi. FULL=1 trains cmedl, too, and takes several times as long.
set -euo pipefail
cd "$(dirname "$0")/../.."
node -e 'import("koffi").catch(() => process.exit(1))' || { echo "skipped: koffi is not installed (npm install koffi)"; exit 77; }
launchers=()
for name in openmpi mpich; do if command -v "mpirun.$name" >/dev/null; then launchers+=("mpirun.$name"); fi; done
[ "${#launchers[@]}" -gt 0 ] || { echo "skipped: no mpirun is installed (apt-get install openmpi-bin, or mpich)"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 LP_NUM_THREADS=1
cmedl=(node "$PWD/dist/cmedl.mjs")
passed=0 failed=0
check() { if "${@:2}"; then passed=$((passed + 1)); echo "ok   $1"; else failed=$((failed + 1)); echo "FAIL $1"; fi; }

node tools/run.mjs test/scale/phantoms.ts "$work"
small=(--size 32 --width 2 --blocks 1 --batch 4 --steps 3 --epochs 2 --quiet)
ct=(train --preset ct-only --student "$work/ct" "${small[@]}")
# ranks LAUNCHER K ARGUMENTS…: cmedl by K processes.
ranks() { "$1" -n "$2" "${cmedl[@]}" "${@:3}"; }
# same RUN OTHER PART: losses of all steps within that part of each other, and as many; the largest difference is told.
same() {
  node -e '
    const { readFileSync } = require("node:fs");
    const [run, other, part] = process.argv.slice(1);
    const steps = (path) => readFileSync(`${path}/log.jsonl`, "utf8").trim().split("\n").map(JSON.parse).filter((e) => e.event === "step");
    const [a, b] = [steps(run), steps(other)];
    let most = a.length === b.length ? 0 : Infinity;
    b.forEach(({ losses }, s) => {
      for (const [name, v] of Object.entries(losses)) most = Math.max(most, Math.abs(a[s].losses[name] - v) / Math.abs(v));
    });
    console.log(`     largest difference: ${most.toExponential(1)}; ms of the last step: ${a.at(-1).ms}, ${b.at(-1).ms}`);
    process.exit(most < Number(part) ? 0 : 1);' "$@"
}

# goes_on RUN EPOCHS: one process trains the run until then.
goes_on() { "${cmedl[@]}" train --resume "$1" --epochs "$2" --quiet >/dev/null; }

"${cmedl[@]}" "${ct[@]}" --out "$work/one" >/dev/null
for mpirun in "${launchers[@]}"; do
  for k in 2 4; do
    ranks "$mpirun" "$k" "${ct[@]}" --out "$work/$mpirun-$k" >/dev/null
    check "$mpirun: $k ranks report what one does" same "$work/$mpirun-$k" "$work/one" 1e-4
  done
done
mpirun=${launchers[0]}
ranks "$mpirun" 2 "${ct[@]}" --compress f16 --out "$work/half" >/dev/null
check "2 ranks with gradients in f16: within a thousandth" same "$work/half" "$work/one" 1e-3

ranks "$mpirun" 2 "${ct[@]}" --epochs 1 --out "$work/begun" >/dev/null
for k in 1 4; do
  cp -r "$work/begun" "$work/on-$k"
  if [ "$k" -eq 1 ]; then goes_on "$work/on-$k" 2
  else ranks "$mpirun" "$k" train --resume "$work/on-$k" --epochs 2 --quiet >/dev/null; fi
  check "a run of 2 ranks goes on with $k" same "$work/on-$k" "$work/one" 1e-4
done

refused=0 said=""
said=$(ranks "$mpirun" 3 "${ct[@]}" --out "$work/three" 2>&1 >/dev/null) || refused=$?
check "a batch that 3 ranks do not divide is refused" [ "$refused" -eq 2 ]
check "in one sentence, once" [ "$(grep -c "a batch of 4 does not divide among 3 ranks" <<<"$said")" -eq 1 ]

for mpirun in "${launchers[@]}"; do
  run="$work/killed-$mpirun" code=0
  ranks "$mpirun" 2 "${ct[@]}" --epochs 500 --set saveEvery=2 --out "$run" >"$run.log" 2>&1 &
  job=$!
  while [ -z "$(ls "$run/checkpoints" 2>/dev/null)" ] && kill -0 "$job" 2>/dev/null; do sleep 0.2; done
  if ! kill -0 "$job" 2>/dev/null; then
    wait "$job" || code=$?
    tail -n 30 "$run.log"
    check "$mpirun: a job saves before it is killed (exit code $code)" false
    continue
  fi
  victim=$(for pid in $(pgrep -f -- "--out $run"); do
    if tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qxE "(OMPI_COMM_WORLD_RANK|PMI_RANK)=1"; then echo "$pid"; fi
  done | head -n 1)
  killed=$SECONDS
  kill -9 "$victim"
  wait "$job" || code=$?
  check "$mpirun: a killed rank ends the job within 30 s ($((SECONDS - killed)) s, exit code $code)" \
    [ "$code" -ne 0 -a $((SECONDS - killed)) -le 30 ]
  before=$(ls "$run/checkpoints" | grep step | tail -n 1)
  epochs=$((10#${before//[^0-9]/} / 3 + 1))
  check "$mpirun: the run goes on from $before" goes_on "$run" "$epochs"
done

if [ -n "${FULL:-}" ]; then
  both=(train --preset cmedl --student "$work/ct" --teacher "$work/mr" "${small[@]}" --epochs 1 --set losses.schedule.hint=null)
  "${cmedl[@]}" "${both[@]}" --out "$work/cmedl-1" >/dev/null
  for k in 2 4; do
    ranks "${launchers[0]}" "$k" "${both[@]}" --out "$work/cmedl-$k" >/dev/null
    check "cmedl: $k ranks report what one does" same "$work/cmedl-$k" "$work/cmedl-1" 1e-3
  done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
