// What an evaluation says of a whole row: whether it learned anything.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { didLearn } from "../../node/run/evaluate.ts";

const test = suite("evaluation");

test("a row learned nothing where no case has a Dice above 0, or every mask is of one constant", () => {
  const row = (...cases: [dsc: number, segmented: number][]) =>
    Object.fromEntries(cases.map(([DSC, segmented], i) => [`case-${i}`, { DSC, segmented }]));
  assert.ok(didLearn(row([0.4, 0.01], [0, 0])));
  assert.not.ok(didLearn(row([0, 0.01], [0, 0])));
  assert.not.ok(didLearn(row([0.03, 1], [0.02, 1])), "everything is segmented");
  assert.not.ok(didLearn(row([NaN, 0], [0, 0])));
  assert.ok(didLearn({ a: { "DSC 1": 0, "DSC 2": 0.5, "DSC Avg.": 0.25, segmented: 0.1 } }));
  assert.ok(didLearn({ a: { DSC: 0.5 } }), "an evaluation from before the share was kept");
});

test.run();
