// Left and right of one structure, by names and by places.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type LabelPlace, sidedNames, sidedPlaces } from "../../data/sides.ts";

const test = suite("sides");

test("names that differ in left and right alone are a pair, however they are written", () => {
  const names = new Map([
    [1, "kidney_left"],
    [2, "kidney_right"],
    [3, "liver"],
    [4, "Lung R"],
    [5, "Lung L"],
    [6, "leftAtrium"],
    [7, "bright_area"], // holds "right" within a word
  ]);
  assert.equal(sidedNames(names), {
    pairs: [
      [1, 2],
      [5, 4],
    ],
    single: [6],
  });
});

const at = (label: number, left: number, voxels: number, superior = 0): LabelPlace => ({
  label,
  voxels,
  place: [left, 0.3, superior],
});

test("labels that mirror one another in every case are a pair, and others none", () => {
  const first = [at(1, -0.45, 150_000), at(2, -0.45, 18_000), at(3, 0.42, 17_000), at(4, 0.6, 11_000)];
  const second = [at(1, -0.4, 140_000), at(2, -0.5, 15_000), at(3, 0.4, 16_000, 0.1), at(4, 0.6, 30_000)];
  assert.equal(sidedPlaces([first, second]), [[3, 2]]);
  const lower = [at(2, -0.45, 18_000), at(3, 0.42, 17_000, 0.7)];
  assert.equal(sidedPlaces([first, lower]), [], "one case in which they do not");
  assert.equal(sidedPlaces([[at(2, -0.05, 100), at(3, 0.05, 100)]]), [], "both in the middle");
  assert.equal(sidedPlaces([[at(1, 0.5, 1)]]), []);
});

test.run();
