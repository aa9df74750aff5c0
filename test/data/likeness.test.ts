// Images that are plainly not what they are taken for are noticed, and good ones are not: on phantoms, and on real CT
// and MR where they are at hand.
import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileOfBytes, readImage } from "../../data/formats/index.ts";
import { type IntensityRule, lungWindow, mrPercentile, rangeOf, softTissueWindow } from "../../data/intensity.ts";
import { unlikeRule, unlikeSet } from "../../data/likeness.ts";
import { phantomSet } from "../../data/synthetic.ts";
import { type ValueStatistics, setStatistics, statisticsOf } from "../../data/value-statistics.ts";
import type { VoxelArray } from "../../data/volume.ts";
import { readShared, sharedPath, testWith } from "./shared-data.ts";

const test = suite("likeness");

const phantoms = (modality: "CT" | "MR", seed = 1): VoxelArray[] =>
  phantomSet({ modality, seed, size: 48, slices: 6 }, 4).map((c) => c.image.data);
const measured = (data: VoxelArray, rule: IntensityRule): ValueStatistics =>
  statisticsOf(data, rangeOf(rule, data, "x"));
const raised = (data: VoxelArray, by: number): VoxelArray => Int16Array.from(data, (v) => v + by);
const scaledOnce = (data: VoxelArray): VoxelArray => {
  const mean = Float64Array.from(data).reduce((a, b) => a + b, 0) / data.length;
  return Float32Array.from(data, (v) => (v - mean) / 200);
};

test("statistics are in the image's own unit, shares are of finite voxels, and NaN counts nowhere", () => {
  const data = Float32Array.from([-1000, -1000, -1000, NaN, -100, 0, 40, 60, 80, 300, Infinity]);
  const found = measured(data, softTissueWindow);
  assert.is(found.least, -1000);
  assert.is(found.greatest, 300);
  assert.is(found.air, 3 / 9);
  assert.is(found.airAndFat, 4 / 9);
  assert.is(found.soft, 5 / 9);
  assert.is(found.dark, 4 / 9); // −100 is seen at −0.7
  assert.ok(Math.abs(found.airPeak + 1000) < 20, String(found.airPeak));
  assert.ok(Math.abs(found.histogram.reduce((a, b) => a + b) - 1) < 1e-12);
});

test("CT passes for HU, MR for MR, and neither for the other", () => {
  for (const ct of phantoms("CT")) {
    for (const window of [softTissueWindow, lungWindow]) assert.is(unlikeRule(measured(ct, window), window), undefined);
    assert.match(unlikeRule(measured(ct, mrPercentile), mrPercentile)!.mend, /seems to be CT: .* not swapped/);
    const stored = unlikeRule(measured(raised(ct, 1024), softTissueWindow), softTissueWindow)!;
    assert.match(stored.problem, /^0 % of the voxels lie between −1100 and −50/);
    assert.match(stored.mend, /HU \+ 1024/);
    assert.ok(unlikeRule(measured(raised(ct, -1024), softTissueWindow), softTissueWindow));
  }
  for (const mr of phantoms("MR")) {
    assert.is(unlikeRule(measured(mr, mrPercentile), mrPercentile), undefined);
    assert.match(unlikeRule(measured(mr, softTissueWindow), softTissueWindow)!.mend, /seems to be MR/);
    assert.ok(unlikeRule(measured(scaledOnce(mr), softTissueWindow), softTissueWindow));
    // A window that is not of HU says nothing of what is right.
    const window: IntensityRule = { kind: "window", low: 0, high: 1136 };
    assert.is(unlikeRule(measured(mr, window), window), undefined);
  }
});

test("an image is compared with those of training, whatever these were", () => {
  const ofCt = setStatistics(
    phantoms("CT").map((d) => measured(d, softTissueWindow)),
    softTissueWindow,
  );
  for (const other of phantoms("CT", 9)) {
    assert.is(unlikeSet(measured(other, softTissueWindow), ofCt), undefined);
    const stored = unlikeSet(measured(raised(other, 1024), softTissueWindow), ofCt)!;
    assert.match(stored.problem, /^0 % of the voxels lie below -60, .* training images' \(values .*, air at .*\)$/);
    assert.match(stored.mend, /HU \+ 1024.*subtract 1024/);
  }
  for (const mr of phantoms("MR"))
    assert.match(unlikeSet(measured(mr, softTissueWindow), ofCt)!.mend, /seems to be MR/);

  // A run that was trained on stored values takes those, and not HU.
  const window: IntensityRule = { kind: "window", low: 864, high: 1264 };
  const ofStored = setStatistics(
    phantoms("CT").map((d) => measured(raised(d, 1024), window)),
    window,
  );
  for (const other of phantoms("CT", 9)) {
    assert.is(unlikeSet(measured(raised(other, 1024), window), ofStored), undefined);
    assert.ok(unlikeSet(measured(other, window), ofStored), "HU");
  }

  const ofMr = setStatistics(
    phantoms("MR").map((d) => measured(d, mrPercentile)),
    mrPercentile,
  );
  for (const mr of phantoms("MR", 9)) assert.is(unlikeSet(measured(mr, mrPercentile), ofMr), undefined);
  for (const ct of phantoms("CT")) assert.match(unlikeSet(measured(ct, mrPercentile), ofMr)!.mend, /seems to be CT/);
});

const REAL = {
  CT: ["sts-ct-mr-tumour/ct", "sts51/ct", "lung-ct/nsclc-ibsi1"],
  MR: ["sts-ct-mr-tumour/mr_t1", "sts51/mr_t1", "chaos-t2spir-mr", "nifti-odds/variants-of-chaos21"],
} as const;
const folders = Object.values(REAL).flatMap((names) => names.map((name) => `data/${name}`));

testWith(
  test,
  folders,
  "no real CT or MR is refused for itself, all are for the other, and for HU + 1024",
  async () => {
    const files = (folder: string): string[] =>
      readdirSync(sharedPath(`data/${folder}`))
        .filter((f) => /(image|base|sclslope|float64|image_\d+).*\.nii\.gz$/.test(f))
        .slice(0, 2) // seconds, not minutes
        .map((f) => `data/${folder}/${f}`);
    for (const path of REAL.CT.flatMap(files)) {
      const { data } = await readImage(fileOfBytes(readShared(path), path));
      for (const window of [softTissueWindow, lungWindow]) {
        assert.is(unlikeRule(measured(data, window), window), undefined, path);
        assert.ok(unlikeRule(measured(raised(data, 1024), window), window), path);
      }
      assert.ok(unlikeRule(measured(data, mrPercentile), mrPercentile), path);
    }
    for (const path of REAL.MR.flatMap(files)) {
      const { data } = await readImage(fileOfBytes(readShared(path), path));
      assert.is(unlikeRule(measured(data, mrPercentile), mrPercentile), undefined, path);
      assert.ok(unlikeRule(measured(data, softTissueWindow), softTissueWindow), path);
    }
  },
);

test.run();
