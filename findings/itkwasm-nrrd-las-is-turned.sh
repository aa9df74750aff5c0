#!/usr/bin/env bash
# An NRRD file of space left-anterior-superior is read half a turn away from where it lies.
# Versions: @itk-wasm/image-io 1.6.1.
# One would guess: ITK's axes run to the left, the back and the top, so of a file whose axes run to the left, the front
#   and the top the second coordinate changes its sign, and the first does not.
# Seen: the first changes its sign and the second does not. One place, 10 mm left, 20 mm front, 30 mm up, is (10, -20,
#   30) from left-posterior-superior and right-anterior-superior, and (-10, 20, 30) from left-anterior-superior: right
#   and left, front and back are exchanged, and metadata call the result left-posterior-superior.
# A tool should: turn the axes of NRRD by the names in the file, and refuse or rewrite such files before ITK has them;
#   an image and a mask of two spaces do not lie on each other.
source "$(dirname "$0")/setup.bash"
npm_packages @itk-wasm/image-io@1.6.1
cat >seen.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { readImageNode } from "@itk-wasm/image-io";
import { report } from "./report.mjs";
// 2 × 3 × 4 voxels whose first is 10 mm left, 20 mm front, 30 mm up, and whose axes run to the left, the back, the top.
async function read(space, x, y) {
  const header = `NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nencoding: raw\nspace: ${space}
space directions: (${x},0,0) (0,${y},0) (0,0,1)\nspace origin: (${10 * x},${-20 * y},30)\n\n`;
  writeFileSync("image.nrrd", header + "\0".repeat(24));
  const { origin, direction, metadata } = await readImageNode("image.nrrd");
  return [`${origin} along ${[0, 4, 8].map((i) => direction[i])}`, metadata.get("NRRD_space")];
}
const [ofLps] = await read("left-posterior-superior", 1, 1);
const [ofRas] = await read("right-anterior-superior", -1, -1);
const [ofLas, space] = await read("left-anterior-superior", 1, -1);
report([
  ["left-posterior-superior", ofLps, "10,-20,30 along 1,1,1"],
  ["right-anterior-superior", ofRas, "10,-20,30 along 1,1,1"],
  ["left-anterior-superior", ofLas, "-10,20,30 along -1,-1,1"],
  ["its space by metadata", space, "left-posterior-superior"],
]);
JS
node seen.mjs
