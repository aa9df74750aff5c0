// Which series a structure set is put on: by frame of reference and place; never on one that it does not belong to.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patientWarnings, scanDataset, scanDicom, scanImages } from "../../node/dataset/index.ts";
import { planImport } from "../../node/import/plan.ts";
import { type SeriesOf, contours, seriesIn } from "../data/dicom-tree-writer.ts";
import { refused } from "../helpers/refused.ts";
import { DataError } from "../../data/errors.ts";

const test = suite("structure owner");
const root = mkdtempSync(join(tmpdir(), "cmedl-owner-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function tree(files: Readonly<Record<string, Uint8Array>>): string {
  const path = join(root, `tree${made++}`);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

/** The series that has structures, and why sets are on none. */
async function owner(files: Readonly<Record<string, Uint8Array>>): Promise<[series: string[], reasons: string]> {
  const { images, unmatched, faults } = await scanDicom(tree(files));
  assert.equal(faults, []);
  const owners = images.filter(({ structures }) => structures.length > 0).map(({ series }) => series.uid);
  return [owners, unmatched.map(({ message }) => message).join("\n")];
}

const ct: SeriesOf = { uid: "1.2.1", frame: "1.9.1", z: [0, 3, 6] };
const mr: SeriesOf = { uid: "1.2.2", frame: "1.9.2", z: [0, 3, 6] };

test("contours of a frame of reference are on no series of another, the only one of the patient or not", async () => {
  const message = /rs\.dcm: FrameOfReferenceUID \(0020,0052\): 1\.9\.1 is not 1\.9\.2 of CT, 3 slices; give the series/;
  const alone = { ...seriesIn("mr", mr), "rs.dcm": contours([0, 3], { frame: "1.9.1" }) };
  const [none, reason] = await owner(alone);
  assert.equal(none, []);
  assert.match(reason, message);
  // A series that it names, in another frame of reference, contradicts itself.
  const [named, contradiction] = await owner({
    ...seriesIn("mr", mr),
    "rs.dcm": contours([0], { frame: "1.9.1", series: "1.2.2" }),
  });
  assert.equal(named, []);
  assert.match(contradiction, message);
  const both = { ...seriesIn("ct", ct), ...alone };
  assert.equal(await owner(both), [["1.2.1"], ""]);
});

test("contours that lie between no two slices of their series are on none", async () => {
  const [none, reason] = await owner({
    ...seriesIn("ct", ct),
    "rs.dcm": contours([90, 93], { frame: "1.9.1", series: "1.2.1" }),
  });
  assert.equal(none, []);
  assert.match(reason, /rs\.dcm: structures: none lies between the slices of CT, 3 slices \(series 1\.2\.1\); give/);
});

test("of several series in one frame of reference, the one on whose slices they lie, then the nearest folder", async () => {
  const finer: SeriesOf = { uid: "1.2.3", frame: "1.9.1", z: [0, 2, 4, 6] };
  const sets = (path: string, z: readonly number[]) => ({ [path]: contours(z, { frame: "1.9.1" }) });
  const files = { ...seriesIn("a", ct), ...seriesIn("b", finer) };
  assert.equal((await owner({ ...files, ...sets("rs.dcm", [3, 6]) }))[0], ["1.2.1"]);
  assert.equal((await owner({ ...files, ...sets("rs.dcm", [2, 4]) }))[0], ["1.2.3"]);
  assert.equal((await owner({ ...files, ...sets("b/rs.dcm", [0, 6]) }))[0], ["1.2.3"]);
  const [none, reason] = await owner({ ...files, ...sets("rs.dcm", [0, 6]) });
  assert.equal(none, []);
  assert.match(reason, /ReferencedSeriesSequence \(0008,1115\): which of 2 series they are on can't be told/);
});

test("what names no frame of reference is on the series of its patient that it lies in", async () => {
  const files = { ...seriesIn("a", ct), ...seriesIn("b", { ...mr, z: [30, 33] }) };
  assert.equal(await owner({ ...files, "rs.dcm": contours([33]) }), [["1.2.2"], ""]);
  assert.equal(await owner({ ...seriesIn("a", { ...ct, frame: "" }), "rs.dcm": contours([3], { frame: "1.9.7" }) }), [
    ["1.2.1"],
    "",
  ]);
  const [none, reason] = await owner({ ...files, "rs.dcm": contours([3], { patient: "Q" }) });
  assert.equal(none, []);
  assert.match(reason, /PatientID \(0010,0020\): no series of Q is there/);
});

test("files that tell no patient are their study's, without it their folder's; contours are on no other's series", async () => {
  const nameless = { frame: "", patient: "", z: [0, 3, 6] };
  const studies = {
    ...seriesIn("a", { ...nameless, uid: "1.2.1", study: "1.7.1" }),
    ...seriesIn("b", { ...nameless, uid: "1.2.2", study: "1.7.2" }),
  };
  const { images } = await scanDicom(tree(studies));
  assert.equal(
    images.map(({ series }) => series.patient.id),
    ["1.7.1", "1.7.2"],
  );
  assert.match(
    patientWarnings(images[0]!.series).join(),
    /0\.dcm: neither .* is told: its study .* patient, 1\.7\.1\./,
  );
  const ofStudy = (study: string): Uint8Array => contours([3], { patient: "", study });
  assert.equal(await owner({ ...studies, "rs.dcm": ofStudy("1.7.2") }), [["1.2.2"], ""]);
  const [none, reason] = await owner({ ...studies, "rs.dcm": ofStudy("1.7.3") });
  assert.equal(none, []);
  assert.match(reason, /StudyInstanceUID \(0020,000d\): no series of 1\.7\.3 is there, and no PatientID is told; give/);
  const folders = {
    ...seriesIn("a/image", { ...nameless, uid: "1.2.1" }),
    ...seriesIn("b/image", { ...nameless, uid: "1.2.2" }),
    "b/contours/rs.dcm": ofStudy(""),
  };
  assert.equal(await owner(folders), [["1.2.2"], ""]);
  const { "b/contours/rs.dcm": _, ...series } = folders;
  assert.equal(
    planImport(await scanDicom(tree(series)), []).cases.map(({ image }) => image),
    ["ct/a_image/image.nii.gz", "ct/b_image/image.nii.gz"],
  );
});

test("a patient's folder whose contours are of another series is refused as a case, and read as an image", async () => {
  const set = tree({ ...seriesIn("P/image", mr), "P/rs.dcm": contours([0], { frame: "1.9.1" }) });
  await refused(scanDataset(set), /rs\.dcm: FrameOfReferenceUID \(0020,0052\): 1\.9\.1 is not 1\.9\.2/, DataError);
  assert.equal(
    (await scanImages(set)).cases.map(({ id }) => id),
    ["P"],
  );
});

test("a patient's folder with contours and no series is refused among others that are whole", async () => {
  const set = tree({
    ...seriesIn("A", { ...ct, patient: "A" }),
    "A/rs.dcm": contours([0, 3], { frame: "1.9.1", patient: "A" }),
    "B/rs.dcm": contours([0, 3], { frame: "1.9.1", patient: "B" }),
  });
  await refused(scanDataset(set), /B\/rs\.dcm: PatientID \(0010,0020\): no series of B is there; give/, DataError);
});

test.run();
