#!/usr/bin/env bash
# A MetaImage of type MET_LONG is read as half as many voxels, of two each.
# Versions: @itk-wasm/image-io 1.6.1.
# One would guess: MET_LONG, which has 4 bytes in MetaIO, gives the numbers that MET_INT gives of the same bytes.
# Seen: 1, 2, 3, 4 in MET_INT are an Int32Array of 4. In MET_LONG they are a BigInt64Array of 2, 8589934593 and
#   17179869187, beside a size of 4 voxels; in MET_ULONG likewise. MET_LONG_LONG, which has 8 bytes, is right. Nothing
#   is thrown.
# A tool should: compare the length of the data with the product of the size, and write MET_INT; a label map that came
#   from where a C long has 4 bytes has no label left that it had.
source "$(dirname "$0")/setup.bash"
npm_packages @itk-wasm/image-io@1.6.1
cat >seen.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { readImageNode } from "@itk-wasm/image-io";
import { report } from "./report.mjs";
const fourBytes = Buffer.from(Int32Array.of(1, 2, 3, 4).buffer);
const eightBytes = Buffer.from(BigInt64Array.of(1n, 2n, 3n, 4n).buffer);
async function read(type, data) {
  const header = `ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 4 1 1
ElementSpacing = 1 1 1\nElementType = ${type}\nElementDataFile = LOCAL\n`;
  writeFileSync("image.mha", Buffer.concat([Buffer.from(header), data]));
  const image = await readImageNode("image.mha");
  return `${image.size} voxels, ${image.data.constructor.name} ${image.data}`;
}
const halved = "8589934593,17179869187";
report([
  ["MET_INT", await read("MET_INT", fourBytes), "4,1,1 voxels, Int32Array 1,2,3,4"],
  ["MET_LONG", await read("MET_LONG", fourBytes), `4,1,1 voxels, BigInt64Array ${halved}`],
  ["MET_ULONG", await read("MET_ULONG", fourBytes), `4,1,1 voxels, BigUint64Array ${halved}`],
  ["MET_LONG_LONG", await read("MET_LONG_LONG", eightBytes), "4,1,1 voxels, BigInt64Array 1,2,3,4"],
]);
JS
node seen.mjs
