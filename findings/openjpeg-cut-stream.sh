#!/usr/bin/env bash
# Decoding a JPEG 2000 stream that was cut returns as if all were well, and gives no image.
# Versions: @cornerstonejs/codec-openjpeg 1.3.6.
# One would guess: a stream without its last third, and without its end marker, is an error, as a cut file is.
# Seen: decode() returns; the frame is 0 × 0 and the buffer empty. The reason goes to stdout as a message, and an intact
#   stream has messages there too.
# A tool should: compare the decoded size with the one that it expects, and give the codec a print() of its own, so that
#   its messages do not end in a command's output.
source "$(dirname "$0")/setup.bash"
npm_packages @cornerstonejs/codec-openjpeg@1.3.6
cat >seen.mjs <<'JS'
import openjpeg from "@cornerstonejs/codec-openjpeg/decodewasmjs";
import { report } from "./report.mjs";
// 8 × 8 values 37 · i, 16 bits, reversible.
const stream = Buffer.from(
  "/0//UQApAAAAAAAIAAAACAAAAAAAAAAAAAAACAAAAAgAAAAAAAAAAAABDwEB/1IADAAAAAEAAwQEAAH/XAANQICIiJCIiJCIiJD/ZAAlAAFDcmVhdGVkIGJ5IE9wZW5KUEVHIHZlcnNpb24gMi41LjD/kAAKAAAAAABGAAH/k8/8MAwJ1NHAD8AKA/kDAALvAud/wAfaCQD9gUAM/2HHCzxjy3/AA+oFgD8wYCIaCF2PA3/dUZ5Z/9k=",
  "base64",
);
let printed = 0;
const codec = await openjpeg({ print: () => printed++, printErr: () => printed++ });
function decoded(bytes) {
  const decoder = new codec.J2KDecoder();
  decoder.getEncodedBuffer(bytes.length).set(bytes);
  decoder.decode();
  const { width, height } = decoder.getFrameInfo();
  return { size: `${width} × ${height}`, values: [...new Uint16Array(decoder.getDecodedBuffer().slice().buffer)] };
}
const whole = decoded(stream);
const talk = printed;
const cut = decoded(stream.subarray(0, Math.floor((stream.length * 2) / 3)));
report([
  ["values of an intact stream that are right", whole.values.filter((v, i) => v === 37 * i).length, 64],
  ["messages it prints", talk > 0, true],
  ["size of the cut stream's image, of which nothing was thrown", cut.size, "0 × 0"],
  ["its values", cut.values.length, 0],
]);
JS
node seen.mjs
