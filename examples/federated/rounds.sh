#!/usr/bin/env bash
# Two sites train one student, and no image leaves a site: `bash examples/federated/rounds.sh FOLDER`. In each round a site
# trains from what the round before gave; its weights alone are sent, averaged, and given back.
set -euo pipefail
folder=${1:-runs/federated}
cmedl="${CMEDL:-npx cmedl}"
# What sites agree on: network, images and the seed of the first weights.
same=(--preset ct-only --size 32 --field 330 --window soft --width 8 --batch 4 --steps 60 --seed 1 --quiet)
same+=(--set optimization.rates.S=0.002 --set networks.segmentor.prior=0.05)

node tools/run.mjs examples/federated/sites.ts "$folder"
cd "$folder"
for site in a b; do
  $cmedl train --student "sites/$site" "${same[@]}" --epochs 3 --out "runs/$site-alone"
  $cmedl export "runs/$site-alone" "sent/$site-alone.safetensors" --quiet
done
from=()
for round in 1 2 3; do
  for site in a b; do
    run="runs/$site-$round"
    $cmedl train --student "sites/$site" "${same[@]}" --epochs 1 "${from[@]}" --set optimization.proximal=0.01 --out "$run"
    $cmedl export "$run" "sent/$site-$round.safetensors" --quiet
  done
  $cmedl federate average sent/{a,b}-$round.safetensors --weights 6,6 -o "sent/round-$round.safetensors"
  from=(--init "sent/round-$round.safetensors")
done
cd - >/dev/null
node tools/run.mjs examples/federated/score.ts "$folder"
