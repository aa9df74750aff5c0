#!/usr/bin/env bash
# A rotation by 90° loses a row and a column.
# Versions: @tensorflow/tfjs-core and tfjs-backend-cpu 4.22.0.
# One would guess: a square image turned by 90° about its middle (centre 0.5) is the same pixels, transposed and
#   mirrored.
# Seen: of 3 × 3 pixels one row of zeros comes in and three pixels are lost; turned by 180° only four of nine are
#   left. The centre is taken at 0.5 times the size in pixels, half a pixel beyond the middle of the pixel centres.
# A tool should: give the centre as (n − 1) / (2n), or rotate masks by itself; an augmentation by right angles shifts
#   here.
source "$(dirname "$0")/setup.bash"
npm_packages @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-cpu@4.22.0
cat >seen.mjs <<'JS'
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { report } from "./report.mjs";
const image = tf.tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 3, 3, 1]);
const turned = (angle, centre) => tf.image.rotateWithOffset(image, angle, 0, centre).dataSync();
report([
  ["by 90°", turned(Math.PI / 2, 0.5), [0, 0, 0, 3, 6, 9, 2, 5, 8]],
  ["by 180°", turned(Math.PI, 0.5), [0, 0, 0, 0, 9, 8, 0, 6, 5]],
  ["by 180° about 1/3", turned(Math.PI, 1 / 3), [9, 8, 7, 6, 5, 4, 3, 2, 1]],
]);
JS
node seen.mjs
