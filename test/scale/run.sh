#!/usr/bin/env bash
# npm run scale [NAME …]: every script here, or those named, whose engine is installed; at the end a table.
# Exits 1 where a check failed. Builds dist first.
cd "$(dirname "$0")" || exit 2
names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for file in *.sh; do
    [[ $file == run.sh ]] || names+=("${file%.sh}")
  done
fi
node ../../tools/build.mjs || exit 2
table="" failures=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for name in "${names[@]}"; do
  echo "── $name"
  started=$SECONDS
  bash "./$name.sh" 2>&1 | tee "$log"
  code=${PIPESTATUS[0]}
  last=$(tail -n 1 "$log")
  case $code in
    0) found=passed ;;
    77) found=skipped ;;
    *) found=FAILED && failures=$((failures + 1)) ;;
  esac
  table+=$(printf '%-12s %-8s %5d s  %s' "$name" "$found" $((SECONDS - started)) "$last")$'\n'
done
printf '\n%s' "$table"
[[ $failures -eq 0 ]]
