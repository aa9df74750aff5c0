#!/usr/bin/env bash
# Decoding a JPEG 2000 stream that was cut returns as if all were well, and gives no image.
# Versions: @cornerstonejs/codec-openjpeg 1.3.6.
# One would guess: a stream without its last third, and without its end marker, is an error, as a cut file is.
# Seen: decode() returns; the frame is 0 × 0 and the buffer empty. The error is a line on stdout, where an intact stream
#   has messages too; stderr is empty, and the exit status 0.
# A tool should: compare the decoded size with the one that it expects, and give the codec a print() of its own, so that
#   its messages do not end in a command's output.
source "$(dirname "$0")/setup.bash"
npm_packages @cornerstonejs/codec-openjpeg@1.3.6
cat >decode.mjs <<'JS'
import openjpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
// 8 × 8 values 37 · i, 16 bits, reversible.
const whole = Buffer.from(
  "/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1IADAAAAAEAAwQEAAH/XAANQICIiJCIiJCIiJD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAABGAAH/k8/8MAwJ1NHAD8AKA/kDAALvAud/wAfaCQD9gUAM/2HHCzxjy3/AA+oFgD8wYCIaCF2PA3/dUZ5Z/9k=",
  "base64",
);
export const streams = { whole, cut: whole.subarray(0, Math.floor((whole.length * 2) / 3)) };
export const codecWith = (options) => openjpeg(options);
export function decoded(codec, bytes) {
  const decoder = new codec.J2KDecoder();
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  decoder.decode();
  const { width, height } = decoder.getFrameInfo();
  return { size: `${width} × ${height}`, values: [...new Uint16Array(decoder.getDecodedBuffer().slice().buffer)] };
}
JS
cat >plain.mjs <<'JS'
import { codecWith, decoded, streams } from "./decode.mjs";
decoded(await codecWith({}), streams[process.argv[2]]);
JS
cat >seen.mjs <<'JS'
import { spawnSync } from "node:child_process";
import { codecWith, decoded, streams } from "./decode.mjs";
import { report } from "./report.mjs";
const quiet = await codecWith({ print: () => {}, printErr: () => {} });
const whole = decoded(quiet, streams.whole);
const cut = decoded(quiet, streams.cut);
const talk = (name) => spawnSync(process.execPath, ["plain.mjs", name], { encoding: "utf8" });
const [ofWhole, ofCut] = [talk("whole"), talk("cut")];
report([
  ["values of an intact stream that are right", whole.values.filter((v, i) => v === 37 * i).length, 64],
  ["size of the cut stream's image, of which nothing was thrown", cut.size, "0 × 0"],
  ["its values", cut.values.length, 0],
  ["a program without a print() of its own ends well with either", `${ofWhole.status}, ${ofCut.status}`, "0, 0"],
  ["its stdout has messages of the intact stream", ofWhole.stdout.includes("[INFO]"), true],
  ["its stdout has the cut stream's error", ofCut.stdout.includes("[ERROR] Stream too short"), true],
  ["its stderr", ofWhole.stderr + ofCut.stderr, ""],
]);
JS
node seen.mjs
