// Structures of several files as one mask.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { makeVolume } from "../../data/volume.ts";
import { type DrawnFile, drawStructures } from "../../data/layouts/draw-structures.ts";

const test = suite("draw structures");

test("each file is opened and drawn once; the lowest label wins, and only other labels' voxels overlap", async () => {
  const files: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {
    a: { body: [0, 1, 2, 3], gtv: [1] },
    b: { node: [1, 2], "gtv 2": [5] },
  };
  const opened: string[] = [];
  const open = async (file: string): Promise<DrawnFile> => {
    opened.push(file);
    const held = files[file]!;
    return {
      names: Object.keys(held),
      voxels: async (names, _, onVoxel) => {
        names.forEach((name, i) => held[name]!.forEach((voxel) => onVoxel(i, voxel)));
        return [`${file}: a POINT encloses nothing.`];
      },
    };
  };
  const image = makeVolume("image", new Uint8Array(8), [2, 2, 2], [1, 1, 1]);
  const wanted = [
    { file: "a", name: "body", label: 3 },
    { file: "b", name: "gtv 2", label: 1 },
    { file: "b", name: "node", label: 1 },
    { file: "a", name: "gtv", label: 1 },
  ];
  const { data, voxels, warnings } = await drawStructures(wanted, open, image, "set");
  assert.equal([...data], [3, 1, 1, 3, 0, 1, 0, 0]);
  assert.equal(voxels, [4, 1, 2, 1]);
  assert.equal(opened, ["a", "b"]);
  assert.equal(warnings, [
    "a: a POINT encloses nothing.",
    "b: a POINT encloses nothing.",
    "set: 2 voxels are of two structures: they have the lower label.",
  ]);
  const whole = await drawStructures([{ file: "a", label: 2 }], open, image, "set");
  assert.equal([...whole.data], [2, 2, 2, 2, 0, 0, 0, 0]);
});

test.run();
