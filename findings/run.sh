#!/usr/bin/env bash
# npm run findings [NAME …]: runs all entries, or those named, and prints a line for each.
# Exits 1 where an entry no longer holds.
cd "$(dirname "$0")" || exit 2
names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
  for file in *.sh; do
    [[ $file == run.sh ]] || names+=("${file%.sh}")
  done
fi
hold=0 changed=0 skipped=0
for name in "${names[@]}"; do
  output=$(bash "./$name.sh" 2>&1)
  case $? in
    0) hold=$((hold + 1)) && echo "holds    $name" ;;
    77) skipped=$((skipped + 1)) && echo "skipped  $name: ${output##*skipped: }" ;;
    *) changed=$((changed + 1)) && echo "CHANGED  $name" && printf '%s\n' "$output" | sed 's/^/         /' ;;
  esac
done
[[ $skipped -eq 0 ]] || echo "$skipped skipped"
echo "$hold hold, $changed changed"
[[ $changed -eq 0 ]]
