# What every script of an engine sources first: a folder of its own that goes at exit with all that was started, and
# checks that are counted. 77 is the exit status where the engine is not installed.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
WORK=$(mktemp -d)
export CMEDL="node $ROOT/dist/cmedl.mjs" LP_NUM_THREADS=1
passed=0 failed=0 pids=()

end_all() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  cd / && rm -rf "$WORK"
}
trap end_all EXIT
trap 'exit 143' TERM INT

skip() {
  echo "skipped: $*"
  exit 77
}

# need PROGRAM …: skips where one is not installed.
need() {
  local tool
  for tool in "$@"; do command -v "$tool" >/dev/null || skip "$tool is not installed"; done
}

# start NAME COMMAND …: runs it beside, with NAME.log as its output.
start() {
  "${@:2}" >"$WORK/$1.log" 2>&1 &
  pids+=($!)
}

# wait_for SECONDS WHAT COMMAND …: until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  until "${@:3}"; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "FAIL waited $1 s for $2"
      for log in "$WORK"/*.log; do [ -f "$log" ] && tail -n 5 "$log"; done
      exit 1
    fi
    sleep 0.5
  done
}

# check WHAT COMMAND …: counts whether the command succeeds.
check() {
  if "${@:2}"; then
    passed=$((passed + 1)) && echo "ok   $1"
  else
    failed=$((failed + 1)) && echo "FAIL $1"
  fi
}

# phantoms FOLDER COUNT: ct/ and mr/ with as many each.
phantoms() { (cd "$ROOT" && node tools/run.mjs test/scale/phantoms.ts "$@"); }

# Says how many checks passed; ends with 1 where one failed.
finish() {
  echo "$passed passed, $failed failed in $SECONDS s"
  [ "$failed" -eq 0 ]
}
