#!/usr/bin/env bash
# The gradient of a bilinear resize exists for square images only.
# Versions: @tensorflow/tfjs 4.22.0, CPU backend.
# One would guess: an image of 2 × 3 pixels has a gradient of 2 × 3, and one that works for 3 × 3 works for it.
# Seen: tf.grad throws for 2 × 3: the gradient comes out as 3 × 2, height and width exchanged, and the engine refuses
#   it. 3 × 3 works, and so does resizeNearestNeighbor of 2 × 3.
# A tool should: test every op's gradient on sides that differ; square test images hide exchanged sides.
source "$(dirname "$0")/setup.bash"
npm_packages @tensorflow/tfjs@4.22.0
cat >seen.mjs <<'JS'
import * as tf from "@tensorflow/tfjs";
import { report } from "./report.mjs";
await tf.setBackend("cpu");
function attempt(resize, height, width) {
  try {
    return tf.grad((x) => tf.sum(resize(x, [6, 6])))(tf.ones([1, height, width, 1])).shape;
  } catch (error) {
    console.log(error.message);
    return "throws";
  }
}
report([
  ["bilinear, 3 × 3", attempt(tf.image.resizeBilinear, 3, 3), [1, 3, 3, 1]],
  ["bilinear, 2 × 3", attempt(tf.image.resizeBilinear, 2, 3), "throws"],
  ["nearest, 2 × 3", attempt(tf.image.resizeNearestNeighbor, 2, 3), [1, 2, 3, 1]],
]);
JS
node seen.mjs
