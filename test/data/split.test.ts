import { suite } from "uvu";
import * as assert from "uvu/assert";
import { applySplit, assertDisjoint, parseSplits, randomSplit, splitUnpaired } from "../../data/split.ts";

const test = suite("split");
const cases = (...ids: string[]): { id: string; patient: string }[] =>
  ids.map((id) => ({ id, patient: id.split("/")[0]! }));
const ids = (list: readonly { id: string }[]): string => list.map((c) => c.id).join();

const unpaired = JSON.stringify({ note: "x", train_ct: ["c1", "c2"], train_mr: ["m1", "m2"], val_paired: ["v1"] });

test("lists by modality go to the set that holds their cases, the other way round too", () => {
  const lists = parseSplits(unpaired, "splits.json");
  const ct = cases("c1", "c2", "v1");
  const mr = cases("m1", "m2", "v1", "unused");
  const split = splitUnpaired(ct, mr, { seed: 1, lists: { student: lists, teacher: lists } });
  assert.is(ids(split.student.train), "c1,c2");
  assert.is(ids(split.student.val), "v1");
  assert.is(ids(split.teacher.train), "m1,m2");
  assert.is(ids(split.teacher.val), "v1");
  assert.is(ids(splitUnpaired(mr, ct, { seed: 1, lists: { student: lists, teacher: lists } }).student.train), "m1,m2");
});

test("where a set has the names of several training lists, the one called by its role is taken, or none", () => {
  const both = cases("a", "b", "c", "v");
  const lists = parseSplits('{"train_ct":["a"],"train_mr":["b","c"],"val":["v"]}', "s");
  assert.throws(
    () => splitUnpaired(both, both, { seed: 1, lists: { student: lists, teacher: lists } }),
    /student: train: its cases fit train_ct and train_mr of the splits alike; call its list train_student, or give/,
  );
  const named = parseSplits('{"train_student":["a"],"train_teacher":["b","c"],"val":["v"]}', "s");
  const split = splitUnpaired(both, both, { seed: 1, lists: { student: named, teacher: named } });
  assert.is(ids(split.student.train), "a");
  assert.is(ids(split.teacher.train), "b,c");
});

test("a fold of nnU-Net's list is taken by its number", () => {
  const text = JSON.stringify([
    { train: ["a"], val: ["b"] },
    { train: ["b"], val: ["a"] },
  ]);
  assert.equal(parseSplits(text, "s", 1), { train: { train: ["b"] }, val: ["a"] });
  assert.equal(parseSplits(text, "s").val, ["b"]);
  assert.throws(() => parseSplits(text, "s", 2), /fold: there is none after fold 2, the last/);
  assert.throws(() => parseSplits('{"train":["a"],"val":["b"]}', "s", 1), /folds: is one split, not a list of folds/);
});

test("a test list is kept apart: its patients neither train nor validate, on either modality", () => {
  const lists = parseSplits('{"train":["a","b"],"val":["c"],"test":["d"]}', "s");
  const split = splitUnpaired(cases("a", "b", "c", "d"), cases("c", "d", "m"), { seed: 0, lists: { student: lists } });
  assert.is(ids(split.student.test!), "d");
  assert.is(ids(split.student.val), "c");
  assert.is(ids(split.teacher.train), "m");
  assert.throws(() => parseSplits('{"train":["a"],"val":["c"],"test":["a"]}', "s"), /train: a is also tested on/);
});

test("ids may name cases or patients", () => {
  const lists = parseSplits('{"train":["p1"],"val":["p2/b"]}', "s");
  const split = applySplit(lists, cases("p1/a", "p1/b", "p2/b"), "ct");
  assert.is(ids(split.train), "p1/a,p1/b");
  assert.is(ids(split.val), "p2/b");
});

test("overlap, absent cases and wrong forms are refused with the field", () => {
  assert.throws(() => parseSplits('{"train":["p1","p2"],"val":["p2"]}', "s.json"), /s\.json: train: p2 also validates/);
  assert.throws(() => parseSplits('{"train":["p1","p1"],"val":["p2"]}', "s"), /twice/);
  assert.throws(() => parseSplits('{"train":[1],"val":["p2"]}', "s"), /list of names/);
  assert.throws(() => parseSplits('{"train":["p1"]}', "s"), /val: is missing/);
  assert.throws(() => parseSplits('{"train":[],"val":["a"]}', "s"), /train: is empty/);
  assert.throws(() => parseSplits("[]", "s"), /folds/);
  assert.throws(() => parseSplits("null", "s"), /root/);
  assert.throws(() => parseSplits('{"train":["a",],', "s"), /json/);
  assert.throws(
    () => applySplit(parseSplits('{"train":["a","gone"],"val":["b"]}', "s"), cases("a", "b"), "ct"),
    /ct: train: gone is in the splits but not in the folder/,
  );
  assert.throws(
    () =>
      splitUnpaired(cases("a"), cases("m"), {
        seed: 0,
        lists: { student: parseSplits('{"train":["a"],"val":["b"]}', "s") },
      }),
    /no case validates/,
  );
});

test("a case that validates or is tested on is in one of the sets; of a set that is not read nothing is asked", () => {
  const one = (text: string) =>
    splitUnpaired(cases("a", "b", "c"), [], { seed: 0, lists: { student: parseSplits(text, "s") } });
  assert.throws(
    () => one('{"train":["a"],"val":["b","gone"]}'),
    /student: val: gone is in the splits but not in the folder; add the case or take it out of the splits/,
  );
  assert.throws(() => one('{"train":["a"],"val":["b"],"test":["c","gone"]}'), /student: test: gone is in the splits/);
  const text = '{"train_ct":["a"],"train_mr":["m"],"val":["b","n"]}';
  assert.is(ids(one(text).student.val), "b");
  const lists = { student: parseSplits(text, "s"), teacher: parseSplits(text, "s") };
  assert.is(ids(splitUnpaired(cases("a", "b"), cases("m", "n"), { seed: 0, lists }).student.val), "b");
  assert.throws(
    () => splitUnpaired(cases("a", "b"), cases("m"), { seed: 0, lists }),
    /student: val: n is in the splits/,
  );
});

test("a drawn split keeps a patient's cases together and follows from the seed", () => {
  const all = cases(...Array.from({ length: 30 }, (_, i) => `p${Math.floor(i / 3)}/${i}`));
  const split = randomSplit(all, 5, 0.2, "ct");
  assert.is(split.val.length, 6);
  assert.is(split.train.length, 24);
  assertDisjoint({ student: split, teacher: { train: [], val: [] } });
  assert.equal(randomSplit(all, 5, 0.2, "ct"), split);
  assert.equal(
    randomSplit([...all].reverse(), 5, 0.2, "ct")
      .val.map((c) => c.id)
      .sort(),
    split.val.map((c) => c.id).sort(),
    "the order of files does not matter",
  );
  assert.ok(
    Array.from({ length: 10 }, (_, s) => ids(randomSplit(all, s, 0.2, "ct").val)).some((v) => v !== ids(split.val)),
  );
  assert.is(randomSplit(cases("a", "b"), 1, 0.01, "ct").val.length, 1);
  assert.throws(() => randomSplit(cases("a/1", "a/2"), 1, 0.2, "ct"), /1 cannot be split/);
});

test("the teacher never trains on a patient who validates the student", () => {
  const both = cases("a", "b", "c", "d", "e");
  const split = splitUnpaired(both, both, { seed: 3, fraction: 0.4 });
  assert.is(split.student.val.length, 2);
  assert.equal(ids(split.teacher.val), ids(split.student.val));
  assert.is(split.teacher.train.length, 3);
  const lists = {
    student: parseSplits('{"train":["a"],"val":["b"]}', "s"),
    teacher: parseSplits('{"train":["b","c"],"val":["a"]}', "t"),
  };
  assert.throws(() => splitUnpaired(both, both, { seed: 0, lists }), /would train and validate/);
  assert.throws(
    () =>
      splitUnpaired(
        cases("a", "b"),
        cases("a", "b").filter(
          (c) => c.id === splitUnpaired(cases("a", "b"), cases("x"), { seed: 1 }).student.val[0]!.id,
        ),
        { seed: 1 },
      ),
    /teacher: train/,
  );
});

test.run();
