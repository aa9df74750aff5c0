#!/usr/bin/env bash
# A gzip file of two members comes out as a part of the first, by one of two functions of one reader.
# Versions: nifti-reader-js 0.8.0, fflate 0.8.3, Node 20.
# One would guess: two gzip streams one after the other are the content of both (RFC 1952 2.2), by decompress as by
#   decompressAsync, or an error.
# Seen: decompress gives as many bytes as the last member holds. Of 6000 bytes in members of 4000 and 2000 they are the
#   first 2000, and readImage then has fewer than the header asks for; in members of 2000 and 4000 they are the first
#   2000 and 2000 zeros. Nothing is thrown. decompressAsync has all 6000, as zlib has.
# A tool should: compare what came out with what the header asks for; writers that compress in parallel or in blocks
#   make such files. fflate's Gunzip reads all members, where its gunzipSync, which decompress takes, reads one.
source "$(dirname "$0")/setup.bash"
npm_packages nifti-reader-js@0.8.0 fflate@0.8.3
cat >seen.mjs <<'JS'
import { gunzipSync as byZlib, gzipSync } from "node:zlib";
import { Gunzip } from "fflate";
import * as nifti from "nifti-reader-js";
import { report } from "./report.mjs";
// 8 × 8 × 8 voxels in double precision, and as many bytes behind them as make 6000.
const file = Buffer.alloc(6000, 1);
file.fill(0, 0, 352);
file.writeInt32LE(348, 0);
[3, 8, 8, 8, 1, 1, 1, 1].forEach((n, i) => file.writeInt16LE(n, 40 + 2 * i));
file.writeInt16LE(64, 70);
file.writeInt16LE(64, 72);
file.writeFloatLE(352, 108);
file.write("n+1\0", 344, "latin1");
for (let i = 0; i < 512; i++) file.writeDoubleLE(i + 1, 352 + 8 * i);

const members = (at) => Uint8Array.from(Buffer.concat([gzipSync(file.subarray(0, at)), gzipSync(file.subarray(at))]));
const first = members(4000);
const content = nifti.decompress(first.buffer);
const image = nifti.readImage(nifti.readHeader(content), content);
const other = Buffer.from(nifti.decompress(members(2000).buffer));
let pushed = 0;
new Gunzip((part) => (pushed += part.length)).push(first, true);
report([
  ["bytes of 4000 + 2000 by decompress", content.byteLength, 2000],
  ["they are the first", Buffer.from(content).equals(file.subarray(0, 2000)), true],
  ["bytes of the image, of 4096", image.byteLength, 1648],
  ["bytes of 2000 + 4000 by decompress", other.length, 4000],
  ["the first 2000 are right", other.subarray(0, 2000).equals(file.subarray(0, 2000)), true],
  ["the others", [...new Set(other.subarray(2000))], [0]],
  ["bytes of 4000 + 2000 by decompressAsync", (await nifti.decompressAsync(first.buffer)).byteLength, 6000],
  ["by zlib", byZlib(first).length, 6000],
  ["by fflate's Gunzip", pushed, 6000],
]);
JS
node seen.mjs
