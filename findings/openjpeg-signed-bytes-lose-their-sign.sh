#!/usr/bin/env bash
# Negative values of 8 bits come out of a JPEG 2000 decoder as 0, and go into its encoder as 127.
# Versions: @cornerstonejs/codec-openjpeg 1.3.6; the stream, and the right answer, by libopenjp2-tools 2.5.0.
# One would guess: signed samples of 8 bits are coded as those of 16 bits, and OpenJPEG is lossless in either.
# Seen: of -128, -112, … 112 the decoder gives 0 for all 8 negative values, and says isSigned and 8 bits; opj_decompress
#   has all of the same stream. Coded by the package itself, the 8 are 127 for both. With 16 bits all 16 are right.
# A tool should: refuse signed samples of 8 bits (BitsAllocated 8, PixelRepresentation 1) in JPEG 2000 here, or decode
#   them otherwise; and write them as 16 bits.
source "$(dirname "$0")/setup.bash"
debian_package libopenjp2-tools 2.5.0
npm_packages @cornerstonejs/codec-openjpeg@1.3.6
cat >seen.mjs <<'JS'
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import openjpeg from "@cornerstonejs/codec-openjpeg/wasmjs";
import { report } from "./report.mjs";
const codec = await openjpeg({ print: () => {}, printErr: () => {} });
const values = Array.from({ length: 16 }, (_, i) => 16 * i - 128);
const negativesAs = (other) => values.map((v) => (v < 0 ? other : v));
const bytesOf = (array) => Buffer.from(array.buffer);
function compressed(array, bits) {
  writeFileSync("values.rawl", bytesOf(array));
  execFileSync("opj_compress", ["-i", "values.rawl", "-o", "values.j2k", "-F", `4,4,1,${bits},s`, "-n", "1"]);
  return readFileSync("values.j2k");
}
function decompressed(stream) {
  writeFileSync("stream.j2k", stream);
  execFileSync("opj_decompress", ["-i", "stream.j2k", "-o", "stream.rawl"]);
  return new Int8Array(readFileSync("stream.rawl"));
}
function encoded(array, bits) {
  const encoder = new codec.J2KEncoder();
  const frame = { width: 4, height: 4, bitsPerSample: bits, componentCount: 1, isSigned: true };
  encoder.getDecodedBuffer(frame).set(bytesOf(array));
  encoder.setDecompositions(0);
  encoder.encode();
  return encoder.getEncodedBuffer().slice();
}
function decoded(stream, Type) {
  const decoder = new codec.J2KDecoder();
  decoder.getEncodedBuffer(stream.length).set(stream);
  decoder.decode();
  const { bitsPerSample, isSigned } = decoder.getFrameInfo();
  return [`${bitsPerSample} bits, signed ${isSigned}`, [...new Type(decoder.getDecodedBuffer().slice().buffer)]];
}
const bytes = Int8Array.from(values);
const words = Int16Array.from(values);
const stream = compressed(bytes, 8);
const own = encoded(bytes, 8);
report([
  ["opj_compress, opj_decompress", decompressed(stream), values],
  ["opj_compress, decoded here", decoded(stream, Int8Array), ["8 bits, signed true", negativesAs(0)]],
  ["encoded here, opj_decompress", decompressed(own), negativesAs(127)],
  ["encoded and decoded here", decoded(own, Int8Array), ["8 bits, signed true", negativesAs(127)]],
  ["16 bits of opj_compress", decoded(compressed(words, 16), Int16Array), ["16 bits, signed true", values]],
  ["16 bits encoded and decoded here", decoded(encoded(words, 16), Int16Array), ["16 bits, signed true", values]],
]);
JS
node seen.mjs
