#!/usr/bin/env bash
# The class −1 is every class at once.
# Versions: @jax-js/jax 0.1.25, CPU backend.
# One would guess: oneHot of −1, the usual mark of a pixel to be ignored, is a row of zeros, as a class beyond the
#   last is.
# Seen: −1 in three classes is (1, 1, 1); class 3 of three is (0, 0, 0).
# A tool should: mask ignored pixels out before one-hot encoding; a cross entropy over them counts all classes as
#   right.
source "$(dirname "$0")/setup.bash"
npm_packages @jax-js/jax@0.1.25
cat >seen.mjs <<'JS'
import { defaultDevice, init, nn, numpy as np } from "@jax-js/jax";
import { report } from "./report.mjs";
await init("cpu");
defaultDevice("cpu");
const [ignored, beyond, one] = nn.oneHot(np.array([-1, 3, 1], { dtype: np.int32 }), 3).js();
report([
  ["-1", ignored, [1, 1, 1]],
  ["3", beyond, [0, 0, 0]],
  ["1", one, [0, 1, 0]],
]);
JS
node seen.mjs
