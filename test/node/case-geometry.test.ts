// A mask on its image: one verdict whatever order each is stored in, relative to the voxel; files without a place,
// labels that scaling has moved, NaN, structures in files of their own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { alignmentOf } from "../../data/alignment.ts";
import { writeNifti } from "../../data/formats/nifti.ts";
import { AXIS_ORDERS, inOrder } from "../../data/orientation.ts";
import { type Affine, type Shape3, makeVolume, sformGeometry } from "../../data/volume.ts";
import { loadCase, loadImage, readVolume, scanDataset, surveyCases } from "../../node/dataset/index.ts";

const test = suite("case geometry");
const root = mkdtempSync(join(tmpdir(), "cmedl-geometry-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
const write = (name: string, bytes: Uint8Array): string => {
  const path = join(root, `${made++}_${name}`);
  writeFileSync(path, bytes);
  return path;
};

const shape: Shape3 = [6, 5, 4];
const spacing = [1, 2, 3] as const;
const data = Int16Array.from({ length: 120 }, (_, i) => i);
const volume = makeVolume("v", data, shape, spacing);
type Voxels = Parameters<typeof writeNifti>[0];
const nifti = (voxels: Voxels, affine: Affine, size: Shape3 = shape): Uint8Array =>
  writeNifti(voxels, { name: "v", shape: size, geometry: sformGeometry(affine, spacing) });

/** A grid stored in another order: axis i of what is stored is axis `axes[i]` of the grid, reversed or not. */
function stored(
  voxels: Voxels,
  affine: Affine,
  order: { axes: (typeof AXIS_ORDERS)[number]; flips: readonly boolean[] },
) {
  const flips = order.flips as [boolean, boolean, boolean];
  const turned = inOrder({ data: voxels, shape }, { axes: order.axes, flips });
  const out = [...affine];
  for (const row of [0, 1, 2]) {
    out[row * 4 + 3] = affine[row * 4 + 3]!;
    order.axes.forEach((axis, i) => {
      const step = affine[row * 4 + axis]!;
      out[row * 4 + i] = flips[i] ? -step : step;
      if (flips[i]) out[row * 4 + 3]! += step * (shape[axis] - 1);
    });
  }
  return { bytes: nifti(turned.data as Voxels, out, turned.shape), affine: out, shape: turned.shape };
}
const orders = AXIS_ORDERS.flatMap((axes) =>
  Array.from({ length: 8 }, (_, k) => ({ axes, flips: [Boolean(k & 1), Boolean(k & 2), Boolean(k & 4)] })),
);

const caseOf = (image: Uint8Array, mask: Uint8Array) => ({
  id: "c",
  patient: "c",
  imagePath: write("image.nii.gz", image),
  maskPath: write("mask.nii.gz", mask),
});
const message = async (run: () => Promise<unknown>): Promise<string> => {
  try {
    await run();
    return "accepted";
  } catch (error) {
    assert.is((error as { code?: string }).code, "data", String(error));
    return (error as Error).message;
  }
};

const labels = Uint8Array.from(data, (v) => v % 3);
// Turned round z; at half a right angle, which axis is nearest to which of the patient's hangs on the last digit.
const half = (angle: number): Affine => {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return [-c, 2 * s, 0, 7, -s, -2 * c, 0, 8, 0, 0, 3, 9, 0, 0, 0, 1];
};

for (const [what, affine] of [
  ["along the patient's axes", volume.affine],
  ["between the patient's axes", half(Math.PI / 4)],
] as const) {
  test(`a mask stored in any of 48 orders is its image's, ${what}: by headers and by voxels`, async () => {
    const image = nifti(data, affine);
    const own = await loadCase(caseOf(image, nifti(labels, affine)), { labels: [1, 2] });
    for (const order of orders) {
      const files = caseOf(image, stored(labels, affine, order).bytes);
      await surveyCases([files]);
      const read = await loadCase(files, { labels: [1, 2] });
      assert.equal(read.image.data, own.image.data);
      assert.equal(read.mask, own.mask, JSON.stringify(order));
    }
  });
}

test("how far a mask may be off is a thousandth of a voxel anywhere, whatever the order and the voxel", async () => {
  for (const scale of [0.01, 1, 100]) {
    const affine = volume.affine.map((v, i) => (i < 12 ? v * scale : v));
    // Along x a voxel is `scale` mm; the far corner is five voxels off the first.
    const moved = (voxels: number): Affine => affine.map((v, i) => (i === 3 ? v + voxels * scale : v));
    const stretched = (voxels: number): Affine => affine.map((v, i) => (i === 0 ? v * (1 + voxels / 5) : v));
    const image = nifti(data, affine);
    for (const order of orders.filter((_, i) => i % 7 === 0))
      for (const change of [moved, stretched]) {
        const verdict = (voxels: number) =>
          message(() => surveyCases([caseOf(image, stored(labels, change(voxels), order).bytes)]));
        assert.is(await verdict(0.0009), "accepted");
        assert.match(await verdict(0.0011), /mask\.nii\.gz: affine: differs .* by .* mm; resample/);
        const files = caseOf(image, stored(labels, change(0.0011), order).bytes);
        assert.match(await message(() => loadCase(files, { labels: "any" })), /affine: differs/);
      }
  }
});

test("a mask of another size is refused in every order", async () => {
  const other = writeNifti(new Uint8Array(100), makeVolume("o", new Uint8Array(100), [5, 5, 4], spacing));
  const files = caseOf(nifti(data, volume.affine), other);
  for (const run of [() => surveyCases([files]), () => loadCase(files)])
    assert.match(await message(run), /dim: 5 × 5 × 4 is not the 6 × 5 × 4/);
  assert.is(alignmentOf(volume, { shape: [5, 6, 4], affine: volume.affine }), undefined);
});

const withoutCodes = (voxels: Voxels, change: (view: DataView) => void = () => {}): Uint8Array => {
  const bytes = writeNifti(voxels, volume, { gzip: false });
  const view = new DataView(bytes.buffer);
  view.setInt16(252, 0, true);
  view.setInt16(254, 0, true);
  change(view);
  return bytes;
};

test("an image without orientation codes is paired with its mask voxel for voxel, and that is told", async () => {
  // As nibabel gives such a file a place: x reversed, the volume's centre at 0.
  const centred = [-1, 0, 0, 2.5, 0, 2, 0, -4, 0, 0, 3, -4.5, 0, 0, 0, 1];
  const files = caseOf(withoutCodes(data), nifti(labels, centred));
  await surveyCases([files]);
  const warnings: string[] = [];
  const read = await loadCase(files, { labels: [1, 2], onWarning: (w) => void warnings.push(w) });
  assert.equal(read.image.data, data);
  assert.equal(read.mask, labels);
  assert.match(
    warnings.join("\n"),
    /mask\.nii\.gz: paired with .*image\.nii\.gz voxel for voxel, as stored: .*image.nii.gz has neither/,
  );
  const turned = caseOf(nifti(data, volume.affine), withoutCodes(labels));
  assert.equal((await loadCase(turned, { labels: [1, 2] })).mask, labels);
});

test("without codes, other voxel sizes are refused with the codes that are missing", async () => {
  const files = caseOf(
    withoutCodes(data, (v) => v.setFloat32(80, 1.5, true)),
    nifti(labels, volume.affine),
  );
  const said = await message(() => loadCase(files));
  assert.match(
    said,
    /pixdim\[1\]: 1 mm is not the 1\.5 mm of .*, and .*image\.nii\.gz has neither q-form nor s-form \(qform_code/,
  );
});

test("a mask's NaN is background, and labels next to a whole number are that label", async () => {
  const near = Float32Array.from(data, (v) => (v < 72 ? NaN : 1 + ((v % 8) - 4) * 2.5e-7));
  const read = await loadCase(caseOf(nifti(data, volume.affine), nifti(near, volume.affine)));
  assert.is(
    read.mask.reduce((n, v) => n + v, 0),
    48,
  );
  const nearZero = Float32Array.from(data, (v) => (v < 72 ? 1e-6 : 1 - 1e-6));
  assert.is(
    (await loadCase(caseOf(nifti(data, volume.affine), nifti(nearZero, volume.affine)))).mask.filter((v) => v === 1)
      .length,
    48,
  );
  const broken = Float32Array.from(data, (v) => (v < 72 ? 0 : 1.01));
  assert.match(
    await message(() => loadCase(caseOf(nifti(data, volume.affine), nifti(broken, volume.affine)))),
    /whole numbers/,
  );
});

test("a grid that is sheared along the body is read with a warning, one sheared within slices is refused", async () => {
  const tilted = [...volume.affine];
  tilted[6] = 0.9; // a step in z moves y
  const files = caseOf(nifti(data, tilted), nifti(labels, tilted));
  await surveyCases([files]);
  assert.match((await readVolume(files.imagePath)).warnings.join(), /the grid is sheared, as by a tilted gantry/);
  const skewed = [...volume.affine];
  skewed[1] = 0.2;
  const bad = caseOf(nifti(data, skewed), nifti(labels, skewed));
  for (const run of [
    () => surveyCases([bad]),
    () => loadCase(bad),
    () => readVolume(bad.imagePath),
    () => loadImage(bad),
  ])
    assert.match(await message(run), /image\.nii\.gz: affine: is sheared within axial slices/);
});

test("negative values that wrapped round are told wherever an image is read", async () => {
  const hu = Float32Array.from(data, (v) => (v % 2 ? 65536 - v - 1 : v));
  const files = caseOf(nifti(hu, volume.affine), nifti(labels, volume.affine));
  const warnings: string[] = [];
  const onWarning = (w: string) => void warnings.push(w);
  await loadCase(files, { labels: "any", onWarning });
  await loadImage(files, { onWarning });
  warnings.push(...(await readVolume(files.imagePath)).warnings);
  assert.is(warnings.filter((w) => /60 of 120 voxels are above 57,343, .*without their sign/.test(w)).length, 3);
});

test("a header behind more than 4,096 bytes of gzip's own is read as the whole file is", async () => {
  const packed = nifti(data, volume.affine);
  const name = new Uint8Array(5001).fill(97);
  name[5000] = 0;
  const long = Uint8Array.from([
    ...packed.subarray(0, 3),
    8,
    ...packed.subarray(4, 10),
    ...name,
    ...packed.subarray(10),
  ]);
  const files = caseOf(long, nifti(labels, volume.affine));
  await surveyCases([files]);
  assert.equal((await readVolume(files.imagePath)).data, data);
});

test("structures in files of their own are one mask with a label each", async () => {
  const set = join(root, "total");
  const file = (name: string, bytes: Uint8Array): void => {
    mkdirSync(join(set, "s1", "segmentations"), { recursive: true });
    writeFileSync(join(set, "s1", name), bytes);
  };
  file("ct.nii.gz", nifti(data, volume.affine));
  const liver = Uint8Array.from(data, (v) => Number(v < 10));
  const spleen = Uint8Array.from(data, (v) => Number(v >= 8 && v < 20));
  file("segmentations/liver.nii.gz", nifti(liver, volume.affine));
  file("segmentations/spleen.nii.gz", stored(spleen, volume.affine, orders[13]!).bytes);
  const { cases } = await scanDataset(set);
  await surveyCases(cases);
  const warnings: string[] = [];
  const read = await loadCase(cases[0]!, { labels: [2, 1], onWarning: (w) => void warnings.push(w) });
  assert.equal(
    [0, 1, 2].map((k) => read.mask.filter((v) => v === k).length),
    [100, 10, 10],
  );
  assert.match(warnings.join(), /2 voxels are of two structures: they have the lower label/);
  assert.is((await loadCase(cases[0]!, { labels: [2] })).mask.filter((v) => v === 1).length, 12);
  // The lower label, in whatever order the files are.
  const turned = { ...cases[0]!, structures: [...cases[0]!.structures!].reverse() };
  assert.equal((await loadCase(turned, { labels: [2, 1] })).mask, read.mask);
  assert.match(
    await message(() => loadCase(cases[0]!)),
    /holds 2 labels \(1 liver, 2 spleen\); choose one with --label N/,
  );
});

test.run();
