#!/usr/bin/env bash
# A compressed MetaImage that does not say its compressed size is read as zeros, and nothing is thrown.
# Versions: @itk-wasm/image-io 1.6.1.
# One would guess: CompressedDataSize may be left out, as the stream runs to the file's end; or the file is refused.
# Seen: without it an .mhd with its data in another file is right; an .mha with the same data behind the header (LOCAL)
#   resolves to an image of the right size whose 24 voxels are 0. "Uncompress failed" on stderr is all, and the exit
#   status is 0.
# A tool should: write CompressedDataSize always, and inflate such files itself from the header's end.
source "$(dirname "$0")/setup.bash"
npm_packages @itk-wasm/image-io@1.6.1
cat >read.mjs <<'JS'
import { readImageNode } from "@itk-wasm/image-io";
const { size, data } = await readImageNode(process.argv[2]);
console.log(`${size}: ${data}`);
JS
cat >seen.mjs <<'JS'
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { report } from "./report.mjs";
const voxels = Uint8Array.from({ length: 24 }, (_, i) => 100 + i);
const compressed = deflateSync(voxels);
writeFileSync("data.zraw", compressed);
function read(name, field, file, data) {
  const header = `ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = True\n${field}DimSize = 2 3 4
ElementType = MET_UCHAR\nElementDataFile = ${file}\n`;
  writeFileSync(name, Buffer.concat([Buffer.from(header), data]));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["read.mjs", name], { encoding: "utf8" });
  return [stdout.trim(), status, stderr.includes("Uncompress failed")];
}
const right = [`2,3,4: ${voxels}`, 0, false];
report([
  ["with the size", read("a.mha", `CompressedDataSize = ${compressed.length}\n`, "LOCAL", compressed), right],
  ["without, data in another file", read("b.mhd", "", "data.zraw", Buffer.alloc(0)), right],
  ["without, data behind the header", read("c.mha", "", "LOCAL", compressed), [`2,3,4: ${voxels.fill(0)}`, 0, true]],
]);
JS
node seen.mjs
