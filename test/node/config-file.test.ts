// Configurations as files and flags: what is refused, where, and with which mend; what is written reads back.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfigFile, readWholeConfig, writeConfig } from "../../node/config-file.ts";
import { presetList } from "../../cli/presets.ts";
import { configFrom } from "../../cli/config-flags.ts";
import { checkTogether, mergeConfig, readConfig } from "../../train/config/check.ts";
import { PAPER_CONFIG, type TrainConfig, flipsLeftOut, sidesOf } from "../../train/config/config.ts";
import { PRESETS, presetConfig } from "../../train/config/presets.ts";
import { cmedl } from "../cli/command.ts";

const test = suite("configuration files");
let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-config-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

const file = async (text: string): Promise<string> => {
  const path = join(folder, "file.yaml");
  await writeFile(path, text);
  return path;
};
const refused = async (of: Promise<unknown>, message: RegExp | string): Promise<void> => {
  const error = await of.then(
    () => undefined,
    (e: Error) => e,
  );
  assert.ok(error, "nothing was refused");
  if (typeof message === "string") assert.is(error.message, message);
  else assert.match(error.message, message);
};

for (const [text, sentence] of [
  ["seed: 1\noptimization:\n  batch: 2\n  rate: 1", "4: optimization.rate: unknown key; did you mean rates?"],
  ["epochs: 4", "1: epochs: unknown key; did you mean optimization.epochs?"],
  [
    "augmentation: {wobble: 1}",
    "1: augmentation.wobble: unknown key; known here are flip, degrees, scale, elastic, elasticGrid, intensity",
  ],
  ["optimization:\n\n  batch: two", '3: optimization.batch: is "two"; give a whole number of at least 1'],
  ["optimization: 3", "1: optimization: is 3; give fields, such as rates: …"],
  [
    "networks:\n  segmentor: {kind: unett}",
    '2: networks.segmentor.kind: is "unett"; did you mean unet? It is one of unet, dense-fcn, mrrn',
  ],
  ["regime: cmdel", '1: regime: is "cmdel"; did you mean cmedl?'],
  ["version: 1", "1: version: is 1; give 2"],
  [
    "data:\n  labels: [1, 1]",
    "2: data.labels: is [1,1]; give a list [a, b, …] of 1 to 254 values, " +
      "each a whole number from 1 to 32767 and none twice, or null",
  ],
  ["data:\n  size: 50", "2: data.size: is 50; give a multiple of 16, such as 48: the unet halves the image 4 times"],
  ["networks:\n  segmentor: {kind: dense-fcn}\ndata:\n  size: 48", /^.*:4: data\.size: is 48; give a multiple of 32/],
  [
    "data:\n  studentIntensity: {kind: percentile}",
    "2: data.studentIntensity.percentile: is missing; a percentile has percentile",
  ],
  [
    "data:\n  studentIntensity: {high: -200}",
    "2: data.studentIntensity.high: is -200, low is -160; give a value above low",
  ],
  [
    "optimization:\n  epochs: 5\n  decayFrom: 6",
    "3: optimization.decayFrom: is 6; give at most the 5 epochs of optimization.epochs",
  ],
  ["networks:\n  features: {layers: 16}", /features.taps: names conv3_4; VGG16 has three/],
  ["seed: 1\nseed: 2", "2: key: stands twice; keep one"],
  ["data: [", /:1: YAML: .*; mend the line/],
  ["- 1", "1: content: is [1]; give fields, such as version: …"],
] as const) {
  test(`refuses ${JSON.stringify(text)}`, async () => {
    const path = await file(text);
    await refused(configFrom(path, {}), typeof sentence === "string" ? `${path}:${sentence}` : sentence);
  });
}

test("every preset is a valid configuration that YAML gives back, and the paper's is the default", async () => {
  for (const name of Object.keys(PRESETS)) {
    const config = presetConfig(name);
    const text = writeConfig(config);
    assert.equal(readConfig(parseConfigFile(text, name).value, PAPER_CONFIG), config, name);
    assert.equal(await configFrom(await file(text), {}), config, name);
  }
  assert.equal(presetConfig("paper"), PAPER_CONFIG);
  assert.is(presetConfig("cmedl").networks.segmentor.prior, "data");
});

test("JSON reads too, and a whole file is checked as any other", async () => {
  assert.equal(await readWholeConfig(await file(JSON.stringify(PAPER_CONFIG))), PAPER_CONFIG);
  await refused(
    readWholeConfig(await file(writeConfig(PAPER_CONFIG).replace("batch: 2", "batch: 0"))),
    /file\.yaml:\d+: optimization\.batch: is 0; give a whole number of at least 1/,
  );
});

test("flags override the file, the file its preset, the preset the paper", async () => {
  const path = await file("regime: weak-teacher\ndata: {student: mr, size: 64}\noptimization: {batch: 4, epochs: 7}");
  const config = await configFrom(path, {
    epochs: "9",
    set: ["optimization.clip=1", "data.negatives=0.5"],
    augment: false,
  });
  assert.equal(config.data.studentIntensity, { kind: "percentile", percentile: 99.5 });
  assert.is(config.data.student, join(folder, "mr"));
  assert.equal(
    [config.optimization.batch, config.optimization.epochs, config.optimization.clip, config.data.negatives],
    [4, 9, 1, 0.5],
  );
  assert.equal([config.augmentation.flip, config.augmentation.elastic], [0, 0]);
  assert.equal([config.networks.generator.blocks, config.networks.discriminator.layers], [4, 3], "as the size asks");
  assert.is((await configFrom(path, { regime: "ct-only" })).regime, "ct-only");
  assert.equal((await configFrom(undefined, { labels: "63, 126", width: "8" })).data.labels, [63, 126]);
  assert.is((await configFrom(undefined, { width: "8" })).networks.drit.width, 8);
  const { sides, ...chaos } = (await configFrom(undefined, { preset: "equal-teacher", label: "63" })).data;
  assert.equal([chaos.labels, chaos.names, sides], [[63], null, null], "a preset's names and sides are of its labels");
  const ofFile = presetConfig("equal-teacher", { data: { labels: [1, 2], sides: [[1, 2]] } }).data;
  assert.equal([ofFile.names, ofFile.sides], [null, [[1, 2]]]);
  const same = presetConfig("equal-teacher", { data: { labels: [63, 126, 189, 252] } }).data;
  assert.equal([same.names?.length, same.sides], [4, [[126, 189]]]);
  const { labels, names } = (await configFrom(undefined, { labels: "liver=1, left kidney=3" })).data;
  assert.equal(
    [labels, names],
    [
      [1, 3],
      ["liver", "left kidney"],
    ],
  );
});

test("a mistake in a flag names the flag", async () => {
  await refused(configFrom(undefined, { size: "50" }), /^--size 50: give a multiple of 16/);
  await refused(configFrom(undefined, { batch: "two" }), "--batch two: give a whole number of at least 1");
  await refused(
    configFrom(undefined, { set: ["optimization.clop=1"] }),
    "--set optimization.clop=1: unknown key; did you mean clip?",
  );
  await refused(
    configFrom(undefined, { set: ["optimization=1"] }),
    /^--set optimization=1: names several fields; give one of them, such as optimization\.rates=…/,
  );
  await refused(configFrom(undefined, { set: ["seed"] }), /^--set seed: gives no value/);
  await refused(configFrom(undefined, { regime: "weak-techer" }), "--regime weak-techer: did you mean weak-teacher?");
  await refused(
    configFrom(undefined, { labels: "liver=1,3" }),
    /^--labels liver=1,3: names some of the labels only; name/,
  );
  await refused(configFrom(undefined, { labels: "a=1,b=x" }), /^--labels a=1,b=x: .*each a whole number/);
  await refused(
    configFrom(undefined, { labels: "1,2", set: ["data.names=[liver]"] }),
    /^--set data\.names=\[liver\]: has 1 names; give one for each of the 2 structures/,
  );
  await refused(configFrom(undefined, { window: "5,1" }), /^--window 5,1: give soft, lung, histogram/);
});

test("presets lists each, and prints one whole", async () => {
  const list = await cmedl(["presets"]);
  assert.is(list.stdout, presetList());
  const one = await cmedl(["presets", "weak-teacher"]);
  assert.is(one.stdout, writeConfig(presetConfig("weak-teacher")));
  const none = await cmedl(["presets", "weak-teachr"]);
  assert.is(none.exitCode, 2);
  assert.match(none.stderr, /weak-teachr is no preset; did you mean weak-teacher\?/);
});

test("the documentation has every field and every preset as they are", async () => {
  const text = await readFile("docs/configuration.md", "utf8");
  assert.ok(
    text.includes(writeConfig(PAPER_CONFIG)),
    "put the output of `cmedl presets paper` into docs/configuration.md",
  );
  assert.ok(text.includes(presetList()), "put the output of `cmedl presets` into docs/configuration.md");
});

test("several labels are flipped only where it is said which of them lie on a side", async () => {
  const why = async (values: Record<string, string>): Promise<string | undefined> =>
    flipsLeftOut(await configFrom(undefined, values));
  assert.is(await why({ labels: "1" }), undefined);
  assert.match((await why({ labels: "1, 2" }))!, /does not say which labels a flip makes of each other/);
  const preset = mergeConfig(PRESETS["equal-teacher"].config, PAPER_CONFIG);
  assert.is(flipsLeftOut(preset), undefined);
  assert.equal(sidesOf(preset), [[2, 3]]);
  const data = (over: object): TrainConfig => ({ ...preset, data: { ...preset.data, ...over } });
  assert.match(flipsLeftOut(data({ labels: [1, 2, 3, 4] }))!, /names 126, which is none of data.labels/);
  assert.is(flipsLeftOut(data({ labels: [1, 2], sides: [] })), undefined);
  assert.throws(
    () =>
      checkTogether(
        data({
          sides: [
            [63, 126],
            [126, 189],
          ],
        }),
      ),
    /data.sides: names 126 twice; give each label one other side/,
  );
});

test.run();
