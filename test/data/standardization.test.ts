// Histogram standardization against numpy 1.24: np.percentile of the foreground, np.interp between landmarks.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type IntensityRule, rangeOf, scaleInto } from "../../data/intensity.ts";
import { landmarksOf, standardLandmarks, standardValue } from "../../data/standardization.ts";

const test = suite("histogram standardization");

/** An image of 4000 voxels, a quarter of them 0. */
const image = (i: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: 4000 }, (_, x) => {
    const h = ((x * 2654435761 + i * 40503) % 4294967296) / 4294967296;
    const tissue = x % 4 === 0 ? 0 : (120 + 80 * i) * h ** (1 + 0.3 * i) + 40 * (i + 1) * ((x % 7) / 7);
    return Math.floor(tissue * 16) / 16;
  });

const OWN = [
  [58.613125, 65.81875, 73.8125, 81.33125, 89.3375, 97.40625, 105.4125, 113.4375, 121.175, 131.49375, 148.886875],
  [92.05, 103.375, 115.75, 128.8125, 142.8125, 157.5625, 172.4375, 187.625, 202.375, 223.25, 257.15],
  [120.75, 134.375, 150.6875, 169.0625, 189.0, 210.5625, 233.25, 256.375, 279.6875, 311.625, 364.60625],
];
const STANDARD = [
  90.47104166666666, 101.80287411943618, 114.58308421542246, 127.77156579422864, 141.93000029101827, 156.74846133054737,
  171.82641946014232, 187.12041014076718, 202.13340250345843, 222.75227679764416, 256.8810416666667,
];
/** Values of the fourth image, from below its first landmark to above its last, and what numpy makes of them. */
const AT = [0.0, 1.5, 73.14375, 146.2875, 216.21875, 256.6875, 398.0, 471.975, 521.975];
const BECOMES = [
  0.0, 0.9276702554900453, 45.23552083333333, 90.47104166666666, 134.85078304262345, 156.74846133054737,
  223.2074787298752, 256.8810416666667, 279.64113827821893,
];

const near = (found: readonly number[], wanted: readonly number[]): void => {
  assert.is(found.length, wanted.length);
  found.forEach((v, i) => assert.ok(Math.abs(v - wanted[i]!) < 1e-9, `${i}: ${v}, wanted ${wanted[i]}`));
};

test("landmarks, the standard scale and values on it are those of numpy", () => {
  const own = OWN.map((_, i) => landmarksOf(image(i), "mr"));
  own.forEach((landmarks, i) => near(landmarks, OWN[i]!));
  near(standardLandmarks(own), STANDARD);
  const standardization = { own: landmarksOf(image(3), "mr"), standard: STANDARD };
  near(
    AT.map((v) => standardValue(v, standardization)),
    BECOMES,
  );
});

test("an image that is another only by a factor becomes the same; its type of voxels does not matter", () => {
  const rule: IntensityRule = { kind: "histogram", low: 0, high: null, landmarks: STANDARD };
  const scaled = (data: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): Float32Array => {
    const out = new Float32Array(data.length);
    scaleInto(out, 0, data, rangeOf(rule, data, "mr"));
    return out;
  };
  const plain = scaled(image(1));
  const times16 = image(1).map((v) => 16 * v);
  for (const other of [scaled(times16), scaled(Uint16Array.from(times16))])
    plain.forEach((v, i) => assert.ok(Math.abs(v - other[i]!) < 1e-6));
  assert.is(Math.min(...plain), -1);
  assert.is(Math.max(...plain), 1);
  assert.ok(Math.abs(plain.filter((v) => v === 1).length / 1500 - 0.01) < 0.01, "1 % of the foreground is clipped");
});

test("a window of the standard scale clips; NaN is background", () => {
  const rule: IntensityRule = { kind: "histogram", low: 0, high: 100, landmarks: STANDARD };
  const range = rangeOf(rule, image(0), "mr");
  const out = new Float32Array(3);
  scaleInto(out, 0, [NaN, 58.613125, 1e6], range);
  assert.is(out[0], -1);
  assert.ok(Math.abs(out[1]! - (2 * 90.47104166666666) / 100 + 1) < 1e-6);
  assert.is(out[2], 1);
});

test("landmarks may be equal, and then no value is NaN", () => {
  const data = Uint8Array.from({ length: 1000 }, (_, i) => (i < 500 ? 0 : i < 980 ? 7 : 9));
  const own = landmarksOf(data, "mr");
  assert.equal([own[0], own[9], own[10]], [7, 7, 9]);
  const standardization = { own, standard: STANDARD };
  for (const v of [0, 6, 7, 8, 9, 20]) assert.ok(Number.isFinite(standardValue(v, standardization)), String(v));
});

test("CT, an empty image and landmarks that are not learned yet are refused", () => {
  const hu = Int16Array.from({ length: 1000 }, (_, i) => (i < 300 ? -1000 : i));
  assert.throws(() => landmarksOf(hu, "ct.nii"), /ct\.nii: intensity: 1 % of its values lie below -1000: .* as of MR;/);
  assert.throws(() => landmarksOf(new Float32Array(9), "mr.nii"), /mr\.nii: intensity: the image shows nothing;/);
  assert.throws(() => landmarksOf(Float32Array.of(0, 0, 5), "mr.nii"), /has the one value 5 where it shows something/);
  const rule: IntensityRule = { kind: "histogram", low: 0, high: null, landmarks: null };
  assert.throws(() => rangeOf(rule, image(0), "mr.nii"), /mr\.nii: landmarks: are not learned yet;/);
});

test.run();
