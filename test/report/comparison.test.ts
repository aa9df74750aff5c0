import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type Method,
  type Metric,
  compareMethods,
  comparisonCsv,
  comparisonNotes,
  comparisonTables,
  meanOfRuns,
} from "../../report/comparison.ts";
import { type Table, csv, tableMarkdown, tableText } from "../../report/table.ts";

const test = suite("comparison of methods");
const metrics: Metric[] = [
  { name: "DSC", digits: 2, better: "higher" },
  { name: "HD95", unit: "mm", digits: 1, better: "lower" },
];
const cases = (dsc: number[], hd: number[]): Method["cases"] =>
  Object.fromEntries(dsc.map((v, i) => [`case-${i}`, { DSC: v, HD95: hd[i]! }]));
const methods: Method[] = [
  {
    group: "Unet",
    name: "CT only",
    cases: cases([0.5, 0.6, 0.7, 0.55, 0.65, 0.75], [9, 8, 7, 6.5, 6, 5.5]),
    elsewhere: { DSC: "0.69 ± 0.20", HD95: null },
  },
  {
    group: "Unet",
    name: "CMEDL",
    cases: cases([0.6, 0.71, 0.82, 0.68, 0.79, 0.9], [8, 8.5, 6.2, 6.6, 5, 5.6]),
    elsewhere: { DSC: "0.75 ± 0.17", HD95: null },
  },
];

test("means, sample deviations, the best, and p against the reference", () => {
  const [ct, cmedl] = compareMethods(methods, metrics, "CMEDL").map(({ cells: [dsc, hd] }) => ({ dsc: dsc!, hd: hd! }));
  assert.is(ct!.dsc.mean.toFixed(3), "0.625");
  assert.is(ct!.dsc.std.toFixed(4), "0.0935");
  assert.is(ct!.dsc.p, 0.03125);
  assert.equal([ct!.dsc.best, cmedl!.dsc.best, cmedl!.hd.best], [false, true, true]);
  assert.ok(Number.isNaN(cmedl!.dsc.p), "the reference is not tested against itself");
  assert.ok(ct!.hd.p > 0.05);
});

test("a method that learned nothing is marked, and nothing is tested with it", () => {
  const [ct, cmedl] = methods as [Method, Method];
  for (const broken of [
    [{ ...ct, learned: false }, cmedl],
    [ct, { ...cmedl, learned: false }],
  ]) {
    const compared = compareMethods(broken, metrics, "CMEDL");
    assert.ok(compared.every(({ cells }) => cells.every(({ p }) => Number.isNaN(p))));
    const [results, ...others] = comparisonTables("Table", compared, metrics, { reference: "CMEDL" });
    assert.not.ok(others.some(({ title }) => title.startsWith("p against")));
    assert.match(tableText(results!), /(CT only|CMEDL) †/);
    assert.match(comparisonNotes(compared, "CMEDL").join("\n"), /† learned nothing: .*; nothing is tested with it/);
  }
});

test("the text says the same, with marks", () => {
  const compared = compareMethods(methods, metrics, "CMEDL");
  const tables = comparisonTables("Table", compared, metrics, { reference: "CMEDL", elsewhere: "The paper's" });
  assert.is(tables.length, 3);
  const [results, p, paper] = tables as [Table, Table, Table];
  assert.match(tableText(results), /Unet\s+CT only\s+0\.6[23] ± 0\.09\*\s+7\.0 ± 1\.3\s+6\n/);
  assert.match(tableText(results), /CMEDL\s+0\.75 ± 0\.11 •\s+6\.[67] ± 1\.4 •\s+6\n/);
  assert.match(tableText(results), /DSC ↑\s+HD95 mm ↓\s+n/);
  assert.match(tableText(p), /CT only\s+0\.031\s+0\.\d{3}\n/);
  assert.equal(paper.head, ["Network", "Method", "DSC ↑"]);
  assert.match(tableMarkdown(paper), /\| Unet \| CT only \| 0\.69 ± 0\.20 \|\n\| {2}\| CMEDL \| 0\.75 ± 0\.17 \|/);
  assert.match(
    comparisonCsv(compared, metrics),
    /^network,method,DSC mean,DSC std,DSC p,HD95 mean,HD95 std,HD95 p,n\nUnet,CT only,0\.625,0\.09354\d+,0\.03125,/,
  );
});

test("too few cases for a p below 0.05 are told", () => {
  const few = methods.map((m) => ({ ...m, cases: Object.fromEntries(Object.entries(m.cases).slice(0, 4)) }));
  assert.match(
    comparisonNotes(compareMethods(few, metrics, "CMEDL"), "CMEDL").join("\n"),
    /with 4 cases no p can fall below 0\.05: the test needs at least 6/,
  );
  assert.not.match(comparisonNotes(compareMethods(methods, metrics, "CMEDL"), "CMEDL").join("\n"), /no p can fall/);
});

test("a method without cases is a dash; groups are compared within themselves", () => {
  const compared = compareMethods(
    [methods[0]!, { group: "Unet", name: "CMEDL", cases: {} }, { ...methods[1]!, group: "MRRN" }],
    metrics,
    "CMEDL",
  );
  const [ct, , mrrn] = compared.map((c) => c.cells[0]);
  assert.ok(Number.isNaN(ct!.p) && !ct!.best && !mrrn!.best);
  const [results] = comparisonTables("T", compared, metrics, { reference: "CMEDL" });
  assert.match(tableText(results!), /CMEDL\s+–\s+–\s+0\n/);
});

test("a case's value is the mean of its runs; a run where it is undefined does not count", () => {
  assert.equal(
    meanOfRuns([{ a: { DSC: 0.5 }, b: { DSC: NaN } }, { a: { DSC: 0.7 }, b: { DSC: 0.4 } }, { c: { DSC: 1 } }]),
    { a: { DSC: 0.6 }, b: { DSC: 0.4 }, c: { DSC: 1 } },
  );
});

test("CSV quotes what needs it and leaves out what is undefined", () =>
  assert.is(csv([["a,b", 'say "x"', 1.5, NaN, null]]), '"a,b","say ""x""",1.5,,\n'));

test.run();
