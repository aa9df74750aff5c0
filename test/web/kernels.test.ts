// The kernel developer's part of the studio's worker, on the tests' GPU; its results as JSON and markdown.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareReports } from "../../bench/measure/compare.ts";
import { markdownTable, reportMarkdown, timelineMarkdown } from "../../bench/say/markdown.ts";
import type { Report, Row } from "../../bench/say/report.ts";
import { type Timeline, byKernel, quantumOf, reconciled } from "../../lab/timeline.ts";
import { adapterMarkdown, showLimit } from "../../web/adapter-facts.ts";
import { layerTree, treeText } from "../../lab/tree.ts";
import { rowsOf } from "../../web/view/layer-rows.ts";
import { layBars, rowsFor } from "../../web/view/bars.ts";
import { Kernels } from "../../web/worker/kernels.ts";
import { environment } from "../helpers/environment.ts";

const test = suite("studio kernels");
let opened: Kernels | undefined;
const kernels = async (): Promise<Kernels> => (opened ??= new Kernels((await environment().gpu()).gpu, "a test"));
const never = new AbortController().signal;
const nothing = (): void => {};
const thrown = async (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => assert.unreachable(),
    (e) => e,
  );
const lines = (markdown: string): string[] => markdown.split("\n").filter((line) => line.startsWith("|"));

test("the adapter's limits are held against those of a plain device", async () => {
  const facts = await (await kernels()).adapter();
  const of = (name: string) => facts.limits.find((limit) => limit.name === name)!;
  assert.ok(facts.name.length > 0);
  assert.is(of("maxBindGroups").byDefault, 4);
  assert.is(of("maxStorageBufferBindingSize").byDefault, 2 ** 27);
  assert.ok(of("maxStorageBufferBindingSize").value >= 2 ** 27);
  for (const { isUsed, name } of facts.features) if (isUsed) assert.match(name, /^core-|timestamp|f16|subgroup/);
  const markdown = adapterMarkdown(facts);
  assert.match(markdown, `**${facts.name}**`);
  assert.is(lines(markdown).length, 2 + facts.limits.length);
  assert.is(/software renderer/.test(markdown), facts.isSoftware);
});

test("sizes are told in binary units where they are whole, counts as they are", () => {
  assert.is(showLimit({ name: "maxBufferSize", value: 2 ** 28 }), "256 MiB");
  assert.is(showLimit({ name: "maxBufferSize", value: 2 ** 32 }), "4 GiB");
  assert.is(showLimit({ name: "maxStorageBufferBindingSize", value: 2 ** 32 - 4 }), "4,294,967,292 B");
  assert.is(showLimit({ name: "maxComputeWorkgroupStorageSize", value: 16384 }), "16 KiB");
  assert.is(showLimit({ name: "maxComputeWorkgroupSizeX", value: 1024 }), "1,024");
});

let benched: Report | undefined;
test("a bench gives its rows as they come, and a report that another is compared with", async () => {
  const came: Row[] = [];
  const told: string[] = [];
  const report = await (await kernels()).bench(
    "max-pool fwd",
    (row) => came.push(row),
    ({ what }) => told.push(what),
    never,
  );
  benched = report;
  assert.equal(
    report.rows.map(({ name }) => name.replace(/^max-pool .* (?=fwd)/, "")),
    ["fwd", "fwd+bwd"],
  );
  assert.equal(came, report.rows);
  assert.equal(told, ["measuring peaks", ...report.rows.map(({ name }) => name)]);
  for (const row of report.rows) {
    assert.is(row.wrong, undefined);
    assert.ok(row.ms!.p10 <= row.ms!.median && row.ms!.median <= row.ms!.p90);
    assert.ok(row.ofPeak! > 0);
  }
  assert.ok(report.peaks!.gflops > 0 && report.peaks!.gbs > 0);
  assert.is(report.host, "a test");
  const read = JSON.parse(JSON.stringify(report)) as Report;
  assert.equal(
    compareReports(read, report).map(({ verdict }) => verdict),
    report.rows.map(() => "same"),
  );
});

test("a filter that no case has is refused before anything is measured", async () => {
  const told: string[] = [];
  const refused = (await kernels()).bench("conv nonsense", nothing, ({ what }) => told.push(what), never);
  const { message, name } = await thrown(refused);
  assert.is(name, "UsageError");
  assert.match(message, /^no case has "conv nonsense" in its name; layers are .*conv, .*; passes .*fwd/);
  assert.equal(told, []);
});

test("a bench that is stopped keeps the rows it has", async () => {
  const stop = new AbortController();
  const report = await (await kernels()).bench("max-pool", () => stop.abort(), nothing, stop.signal);
  assert.is(report.rows.length, 1);
});

test("a report as markdown has a row a case, wrong ones with the reason", () => {
  const wrong: Row = { name: "conv 3×3 a|b", group: "kernel", clock: "wall", wrong: "y[3] of 9 is 1, it should be 2" };
  const markdown = reportMarkdown({ ...benched!, rows: [...benched!.rows, wrong] });
  const rows = lines(markdown);
  assert.is(rows.length, 2 + benched!.rows.length + 1);
  assert.is(rows.at(-1), "| conv 3×3 a\\|b | wrong: y[3] of 9 is 1, it should be 2 |  |  |  |  |  |");
  assert.match(markdown, /Peaks: [\d.]+ GFLOP\/s of fused multiply–adds/);
});

test("a share of the roofline above 100 % is flagged", () => {
  const [row] = benched!.rows;
  const flagged = (ofPeak: number): boolean =>
    /Above 100 %/.test(reportMarkdown({ ...benched!, rows: [{ ...row!, ofPeak }] }));
  assert.is(flagged(1.37), true);
  assert.is(flagged(0.99), false);
});

test("a timeline has all stages of a training step with times, and tells them against whole runs", async () => {
  const timeline = await (await kernels()).timeline(
    { network: "unet", pass: "training", size: 32, batch: 1, share: 1 / 32 },
    nothing,
    never,
  );
  const { gpu } = await environment().gpu();
  const adapter = (await gpu.requestAdapter())!;
  const hasTimes = adapter.features.has("timestamp-query");
  assert.is(timeline.name, "unet training step @32×32 ×1 width ×0.03125");
  assert.ok(timeline.stages.length > 50, `${timeline.stages.length}`);
  assert.is(timeline.table.split("\n").length, 1 + timeline.stages.length);
  const shares = byKernel(timeline);
  assert.is(
    shares.reduce((n, { launches }) => n + launches, 0),
    timeline.stages.length,
  );
  assert.ok(timeline.wallMs.median > 0);
  assert.is(timeline.sumUs !== undefined, hasTimes);
  if (hasTimes) {
    assert.ok(timeline.profiles >= 2 && timeline.sumUs! > 0);
    assert.ok(Math.abs(shares.reduce((sum, { share = 0 }) => sum + share, 0) - 1) < 1e-9);
    assert.match(timeline.table, / µs /);
  }
  const markdown = timelineMarkdown(JSON.parse(JSON.stringify(timeline)) as Timeline);
  assert.is(lines(markdown).length, 2 + shares.length);
  const tree = layerTree(timeline);
  assert.ok(markdown.includes(treeText(tree, 3)));
  const closed = rowsOf(tree, new Set());
  assert.equal(
    closed.map(({ name, level, opens }) => [name, level, opens]),
    [[timeline.name, 0, true]],
  );
  const [first] = tree.layers;
  const open = rowsOf(tree, new Set([tree.path, first!.path]));
  const own = open.filter(({ level }) => level === 1 && tree.layers.length > 0).map(({ name }) => name);
  assert.equal(own, [...tree.layers.map(({ name }) => name), ...tree.kernels.map(({ kernel }) => kernel)]);
  assert.is(open.filter(({ level }) => level === 2).length, first!.layers.length + first!.kernels.length);
  assert.is(new Set(open.map(({ path }) => path)).size, open.length, "paths are keys");
  assert.ok(markdown.includes(timeline.table));
});

test("an unknown network is named, and a stop ends a timeline", async () => {
  const worker = await kernels();
  const request = { network: "resnet", pass: "inference", size: 32, batch: 1, share: 1 / 32 } as const;
  assert.match((await thrown(worker.timeline(request, nothing, never))).message, 'no network "resnet": unet, ');
  const stopped = AbortSignal.abort();
  assert.is((await thrown(worker.timeline({ ...request, network: "unet" }, nothing, stopped))).name, "AbortError");
});

const stage = (kernel: string, timeUs?: number) => ({
  label: kernel,
  kernel,
  flops: 4000,
  bytes: 800,
  fused: [],
  ...(timeUs === undefined ? {} : { timeUs }),
});
const made: Timeline = {
  name: "net",
  adapter: "a",
  software: false,
  date: "",
  host: "",
  stages: [stage("a", 100), stage("b", 300), stage("a", 100)],
  wallMs: { median: 1, p10: 0.9, p90: 1.2, samples: 5 },
  sumUs: 500,
  profileMs: { median: 0.5, p10: 0.4, p90: 0.6, samples: 4 },
  passMs: { median: 0.6, p10: 0.5, p90: 0.7, samples: 4 },
  encodeMs: { median: 0.1, p10: 0.1, p90: 0.1, samples: 5 },
  memory: { variableBytes: 0, inputBytes: 0, liveBytes: [], peakBytes: 0, peakAt: 0, slotBytes: 0, holders: [] },
  profiles: 4,
  table: "",
};

test("kernels are summed, the most time first", () =>
  assert.equal(byKernel(made), [
    { kernel: "b", launches: 1, flops: 4000, bytes: 800, timeUs: 300, share: 0.6 },
    { kernel: "a", launches: 2, flops: 8000, bytes: 1600, timeUs: 200, share: 0.4 },
  ]));

test("what is said of a timeline: its share of a run, rounded timestamps, none at all", () => {
  assert.match(
    reconciled(made).join(" "),
    "encoding 0.10 ms (10 %), stages 0.50 ms (50 %), between stages 0.10 ms (10 %), submit and answer 0.30 ms (30 %)",
  );
  const profileMs = { ...made.profileMs!, median: 1.5 };
  assert.match(reconciled({ ...made, profileMs, sumUs: 1500 }).join(" "), "saved by one pass -0.90 ms (-90 %)");
  assert.match(reconciled({ ...made, quantumUs: 100 }).at(-1)!, /rounded to 100 µs.*means of 4 profiles/);
  assert.is(reconciled(made).length, 1);
  assert.match(reconciled({ ...made, profileMs }).at(-1)!, "medians of 4 profiles, which sum to 0.50 ms");
  const { sumUs: _, profileMs: __, passMs: ___, ...untimed } = made;
  assert.match(reconciled(untimed).join(" "), "no timestamp-query");
});

test("times that are all multiples of a coarse step are found out", () => {
  assert.is(quantumOf([0, 65.536, 131.072]), 65.536);
  assert.is(quantumOf([0, 100, 300]), 100);
  assert.is(quantumOf([100, 65.536]), undefined);
  assert.is(quantumOf([12.288, 100]), undefined);
  assert.is(quantumOf([]), undefined);
});

test("bars fill rows end to end and go on in the next", () => {
  const bars = layBars([1, 0, 2, 1], 2);
  assert.equal(bars, [
    { stage: 0, row: 0, x: 0, width: 0.5 },
    { stage: 2, row: 0, x: 0.5, width: 0.5 },
    { stage: 2, row: 1, x: 0, width: 0.5 },
    { stage: 3, row: 1, x: 0.5, width: 0.5 },
  ]);
  const many = Array.from({ length: 333 }, (_, i) => 1 + (i % 7));
  for (let row = 0, rows = rowsFor(333); row < rows; row++) {
    const width = layBars(many, rows).reduce((sum, bar) => sum + (bar.row === row ? bar.width : 0), 0);
    assert.ok(Math.abs(width - 1) < 1e-9, `row ${row} is ${width} full`);
  }
  assert.equal([1, 40, 41, 5000].map(rowsFor), [1, 1, 2, 8]);
});

test("a markdown table's first column is text", () =>
  assert.is(markdownTable(["a", "b"], [["x|y", "1"]]), "| a | b |\n| --- | ---: |\n| x\\|y | 1 |"));

test.run();
