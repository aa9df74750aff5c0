#!/usr/bin/env bash
# The index of the maximum is one past the end where NaN is about.
# Versions: @jax-js/jax 0.1.25, CPU backend.
# One would guess: argmax of (1, NaN, 3) is 1, the NaN, as NumPy has it, or 2.
# Seen: 3, an index that does not exist.
# A tool should: check predictions against the number of classes before they index anything.
source "$(dirname "$0")/setup.bash"
npm_packages @jax-js/jax@0.1.25
cat >seen.mjs <<'JS'
import { defaultDevice, init, numpy as np } from "@jax-js/jax";
import { report } from "./report.mjs";
await init("cpu");
defaultDevice("cpu");
report([
  ["argmax of 1, NaN, 3", np.argmax(np.array([1, Number.NaN, 3])).js(), 3],
  ["argmax of 1, 2, 3", np.argmax(np.array([1, 2, 3])).js(), 2],
]);
JS
node seen.mjs
