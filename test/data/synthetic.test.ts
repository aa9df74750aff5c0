// The phantom is what it says: a thorax in HU or MR units, the tumour nearly isodense on CT and plain on MR.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Tissue } from "../../data/phantom/anatomy.ts";
import { drawAnatomy } from "../../data/phantom/draw.ts";
import { planeOf } from "../../data/phantom/plane.ts";
import { phantomCase, phantomSet } from "../../data/synthetic.ts";
import { foregroundPerSlice } from "../../data/slices.ts";

const test = suite("synthetic");
const mean = (values: number[]): number => values.reduce((s, v) => s + v, 0) / values.length;
const ct = phantomSet({ modality: "CT", seed: 3, size: 48 }, 6);
const mr = phantomSet({ modality: "MR", seed: 3, size: 48 }, 6);
const inside = (c: (typeof ct)[number]): number[] => Array.from(c.image.data).filter((_, i) => c.mask[i] === 1);

test("the same options give the same voxels, another seed or index others", () => {
  const again = phantomCase({ modality: "CT", seed: 3, index: 0, size: 48 });
  assert.equal(again.image.data, ct[0]!.image.data);
  assert.equal(again.mask, ct[0]!.mask);
  assert.not.equal(phantomCase({ modality: "CT", seed: 4, index: 0, size: 48 }).mask, ct[0]!.mask);
  assert.not.equal(ct[0]!.mask, ct[1]!.mask);
  assert.not.equal(ct[0]!.mask, mr[0]!.mask);
});

test("every patient has a tumour that spans several slices but not all", () => {
  for (const c of [...ct, ...mr]) {
    const slices = [...foregroundPerSlice(c.mask, c.image.shape)].filter((n) => n > 0).length;
    assert.ok(slices >= 4 && slices <= 13, `${c.id}: ${slices} slices`);
  }
});

test("CT is in HU: air, lung, fat, muscle and bone at their values", () => {
  for (const c of ct) {
    assert.ok(Math.abs(mean([...c.image.data.subarray(0, 48)]) + 1000) < 20, "the corner is air");
    const sorted = Array.from(c.image.data).sort((a, b) => a - b);
    const at = (p: number): number => sorted[Math.floor(p * (sorted.length - 1))]!;
    assert.ok(at(1) > 250 && at(1) < 1200, `brightest ${at(1)}`);
    const share = (low: number, high: number): number =>
      sorted.filter((v) => v >= low && v <= high).length / sorted.length;
    assert.ok(share(-900, -700) > 0.08, `lung ${share(-900, -700)}`);
    assert.ok(share(-140, -60) > 0.03, `fat ${share(-140, -60)}`);
    assert.ok(share(0, 90) > 0.05, `soft tissue ${share(0, 90)}`);
  }
});

test("on CT the tumour differs from muscle and blood by less than two standard deviations of the noise", () => {
  const all = ct.map((c) => mean(inside(c)));
  // The border mixes with lung: judge by the median of each tumour.
  const medians = ct.map((c) => inside(c).sort((a, b) => a - b)[Math.floor(inside(c).length / 2)]!);
  for (const m of medians) assert.ok(m > 15 && m < 75, `median ${m} HU`);
  assert.ok(Math.abs(mean(medians) - 45) < 22, `tumours at ${medians} HU, means ${all}`);
});

test("on MR the tumour is brighter than 98 % of all else", () => {
  for (const c of mr) {
    const tumour = inside(c).sort((a, b) => a - b);
    const outside = Array.from(c.image.data)
      .filter((_, i) => c.mask[i] === 0)
      .sort((a, b) => a - b);
    const median = tumour[tumour.length >> 1]!;
    assert.ok(
      median > outside[Math.floor(0.98 * outside.length)]!,
      `${c.id}: tumour ${median}, 98 % of the rest below ${outside[Math.floor(0.98 * outside.length)]}`,
    );
    assert.ok(Math.min(...c.image.data) >= 0);
  }
});

test("one patient can be seen on both: the same tumour in the same place", () => {
  const other = phantomCase({ modality: "MR", seed: 3, index: 0, size: 48, set: "CT" });
  assert.equal(other.mask, ct[0]!.mask);
  assert.not.equal(other.image.data, ct[0]!.image.data);
});

test("tumours abut mediastinum or chest wall", () => {
  for (let i = 0; i < 20; i++) {
    const anatomy = drawAnatomy(1000 + i);
    const blob = anatomy.tumour!;
    const plane = planeOf({ ...anatomy, tumour: undefined }, blob.z);
    let lung = 0;
    let other = 0;
    for (let a = 0; a < 64; a++) {
      const t = plane.tissue(
        blob.x + 1.35 * blob.r * Math.cos((a * Math.PI) / 32),
        blob.y + 1.35 * blob.r * Math.sin((a * Math.PI) / 32),
      );
      if (t === Tissue.lung || t === Tissue.vessel) lung++;
      else other++;
    }
    assert.ok(lung >= 6 && other >= 6, `tumour ${i}: ${lung} directions end in lung, ${other} elsewhere`);
  }
});

test("any size can be made", () => {
  for (const size of [32, 100]) {
    const c = phantomCase({ modality: "MR", seed: 1, index: 2, size, slices: 3 });
    assert.equal(c.image.shape, [size, size, 3]);
    assert.is(c.image.data.length, size * size * 3);
  }
  assert.is(
    phantomCase({ modality: "CT", seed: 1, index: 2, size: 32, slices: 6, tumour: false }).mask.some((v) => v !== 0),
    false,
  );
});

test.run();
