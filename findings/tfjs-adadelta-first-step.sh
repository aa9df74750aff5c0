#!/usr/bin/env bash
# Adadelta's first step is the gradient times the rate, as in plain gradient descent.
# Versions: @tensorflow/tfjs 4.22.0, CPU backend.
# One would guess: Adadelta starts with tiny steps that hardly depend on the gradient's size: √ε / √((1 − ρ)·g²) · g,
#   for rate 0.1, ρ 0.95, ε 1e-7 and any g about 1.4e-4.
# Seen: 0.1 for a gradient of 1 and 0.4 for a gradient of 4: hundreds of times as far, and proportional to the
#   gradient.
# A tool should: not compare optimizers across libraries by name and rate; test the first step by hand.
source "$(dirname "$0")/setup.bash"
npm_packages @tensorflow/tfjs@4.22.0
cat >seen.mjs <<'JS'
import * as tf from "@tensorflow/tfjs";
import { report } from "./report.mjs";
await tf.setBackend("cpu");
function firstStep(gradient) {
  const v = tf.variable(tf.scalar(1));
  tf.train.adadelta(0.1, 0.95, 1e-7).minimize(() => tf.mul(v, gradient));
  return (1 - v.dataSync()[0]).toFixed(4);
}
const published = 0.1 * (Math.sqrt(1e-7) / Math.sqrt(0.05));
report([
  ["the published rule, any gradient", published.toFixed(4), "0.0001"],
  ["gradient 1", firstStep(1), "0.1000"],
  ["gradient 4", firstStep(4), "0.4000"],
]);
JS
node seen.mjs
