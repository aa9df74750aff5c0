#!/usr/bin/env bash
# x² by power has no gradient at 0, and a product has none beside a zero.
# Versions: @jax-js/jax 0.1.25, CPU backend.
# One would guess: power(x, 2) has slope 0 at 0 and the product of 2, 0, 3 the gradient (0, 6, 0), as square and
#   calculus have it; relu and abs have slope 0 at 0.
# Seen: power(x, 2) gives NaN at 0, the product (0, NaN, 0), relu and abs slope 1. square(x) gives 0.
# A tool should: write squares as products; one zero pixel turns a loss with power(x, 2) to NaN.
source "$(dirname "$0")/setup.bash"
npm_packages @jax-js/jax@0.1.25
cat >seen.mjs <<'JS'
import { defaultDevice, grad, init, nn, numpy as np } from "@jax-js/jax";
import { report } from "./report.mjs";
await init("cpu");
defaultDevice("cpu");
const slope = (f, xs) => grad(f)(np.array(xs)).js();
report([
  ["power(x, 2) at 0, 1", slope((x) => np.power(x, 2).sum(), [0, 1]), [Number.NaN, 2]],
  ["square(x) at 0, 1", slope((x) => np.square(x).sum(), [0, 1]), [0, 2]],
  ["prod of 2, 0, 3", slope((x) => np.prod(x), [2, 0, 3]), [0, Number.NaN, 0]],
  ["relu at 0", slope((x) => nn.relu(x).sum(), [0]), [1]],
  ["abs at 0", slope((x) => np.abs(x).sum(), [0]), [1]],
]);
JS
node seen.mjs
