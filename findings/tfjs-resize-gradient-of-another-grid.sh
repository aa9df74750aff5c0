#!/usr/bin/env bash
# The gradient of a resize with half pixel centres is that of another grid.
# Versions: @tensorflow/tfjs 4.22.0, CPU backend.
# One would guess: tf.grad of resizeNearestNeighbor and resizeBilinear follows the forward pass, halfPixelCenters
#   included.
# Seen: resizing four pixels to three with half pixel centres reads pixels 0, 2 and 3; the gradient goes to 0, 1 and
#   2, as without half pixel centres. Bilinear: a corner of a 3 × 3 image weighs 2.56 in the sum of the 5 × 5 result
#   by differences and 4.00 by gradient. No error, no warning.
# A tool should: check resizes by finite differences before training through them with this backend.
source "$(dirname "$0")/setup.bash"
npm_packages @tensorflow/tfjs@4.22.0
cat >seen.mjs <<'JS'
import * as tf from "@tensorflow/tfjs";
import { report } from "./report.mjs";
await tf.setBackend("cpu");
const four = tf.tensor([1, 2, 3, 4], [1, 1, 4, 1]);
const weights = tf.tensor([1, 10, 100], [1, 1, 3, 1]);
const nearest = (x) => tf.image.resizeNearestNeighbor(x, [1, 3], false, true);
const bilinear = (x) => tf.sum(tf.image.resizeBilinear(x, [5, 5], false, true));
const corner = (v) => tf.tensor([0, 0, 0, 0, 0, 0, 0, 0, v], [1, 3, 3, 1]);
const difference = bilinear(corner(1)).dataSync()[0] - bilinear(corner(0)).dataSync()[0];
report([
  ["nearest: pixels read (1 … 4)", nearest(four).dataSync(), [1, 3, 4]],
  ["nearest: gradient", tf.grad((x) => tf.sum(tf.mul(nearest(x), weights)))(four).dataSync(), [1, 10, 100, 0]],
  ["bilinear: weight of a corner by differences", difference.toFixed(2), "2.56"],
  ["bilinear: by gradient", tf.grad(bilinear)(corner(0)).dataSync()[8].toFixed(2), "4.00"],
]);
JS
node seen.mjs
