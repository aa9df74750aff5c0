// Weights as users bring and take them: PyTorch's files in, state dicts and ONNX out, and what mistakes say.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPth } from "../../data/weights/pth.ts";
import { readSafetensors, toFloat32, writeSafetensors } from "../../data/weights/safetensors.ts";
import { writeConfig } from "../../node/config-file.ts";
import { examineVgg } from "../../node/run/vgg.ts";
import { RandomStreams, type Variable } from "../../engine/index.ts";
import { modelNames, networkFor } from "../../models/from-state-dict.ts";
import {
  AlphaNetwork,
  ContentDiscriminator,
  ContentEncoder,
  DenseFcn,
  Mrrn,
  MultiScaleDiscriminator,
  PatchDiscriminator,
  ResnetGenerator,
  StyleEncoder,
  StyleGenerator,
  UNet,
  Vgg,
} from "../../models/index.ts";
import { type NamedForPyTorch, foreignNames, loadStateDict, toStateDict } from "../../models/pytorch.ts";
import { Device } from "../../engine/run/device.ts";
import { saveCheckpoint, startOfRun } from "../../train/checkpoint.ts";
import { type PartialConfig, PAPER_CONFIG } from "../../train/config/config.ts";
import { makeRegime } from "../../train/regimes/make.ts";
import { presetConfig } from "../../train/config/presets.ts";
import { environment } from "../helpers/environment.ts";
import { cmedl } from "./command.ts";

const test = suite("convert and export");
const checkpoint = "test/fixtures/pth/unet-checkpoint.pth";
let folder = "";
const at = (name: string): string => join(folder, name);
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-convert-"));
});
test.after(() => rm(folder, { recursive: true, force: true }));

const bytesOf = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(path));

test("a checkpoint of the reference U-Net becomes a state dict that our U-Net loads, value by value", async () => {
  const done = await cmedl(["convert", checkpoint, at("unet.safetensors"), "--model", "unet"]);
  assert.is(done.exitCode, 0, done.stderr);
  assert.is(done.stdout, `${at("unet.safetensors")}\n`);
  assert.match(done.stderr, /unet-checkpoint\.pth, state_dict: \d+ tensors, \d+ values; 6 left out/);
  const { tensors } = readSafetensors(await bytesOf(at("unet.safetensors")));
  const net = new UNet({ width: 1, depth: 1 });
  loadStateDict(net, new Map([...tensors].map(([n, t]) => [n, { shape: t.shape, data: toFloat32(t) }])));
  const original = readPth(await bytesOf(checkpoint)).tensors;
  for (const { name } of foreignNames(net))
    assert.equal(tensors.get(name)!.data, toFloat32(original.get(`module.${name}`)!), name);
  assert.is((await cmedl(["convert", checkpoint, at("unet.safetensors")])).exitCode, 7);
  assert.is((await cmedl(["convert", checkpoint, at("unet.safetensors"), "--force", "-q"])).stderr, "");
});

test("mistakes are one sentence: another network, a wrong width, an unknown model, a hostile file", async () => {
  const { tensors } = readSafetensors(await bytesOf("test/fixtures/patchgan_ndf4.safetensors"));
  const patchgan = [...tensors].filter(([n]) => n.startsWith("param/")).map(([n, t]) => [n.slice(6), t] as const);
  await writeFile(at("patchgan.safetensors"), writeSafetensors(patchgan));
  await writeFile(at("cut.safetensors"), writeSafetensors(patchgan.filter(([n]) => n !== "model.5.bias")));
  await writeFile(
    at("hostile.pth"),
    Uint8Array.from("\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00truetR.", (c) => c.charCodeAt(0)),
  );
  const run = async (args: string[], exitCode: number, why: RegExp): Promise<void> => {
    const done = await cmedl(["convert", ...args]);
    assert.is(done.exitCode, exitCode, done.stderr);
    assert.match(done.stderr, why);
    assert.is(done.stdout, "");
  };
  await run(
    [at("patchgan.safetensors"), at("x.safetensors"), "--model", "unet"],
    3,
    /patchgan\.safetensors: tensors: .*not those of unet: missing inc\.conv\.conv\.0\.weight; the file has model\.0/,
  );
  await run([at("cut.safetensors"), at("x.safetensors"), "--model", "patchgan"], 3, /missing model\.5\.bias/);
  await run(
    [at("patchgan.safetensors"), at("x.safetensors"), "--model", "patchgan", "--width", "8"],
    3,
    /model\.0\.weight is \[4, 1, 4, 4\], needed is \[8, 1, 4, 4\]/,
  );
  await run(
    [at("patchgan.safetensors"), at("x.safetensors"), "--model", "alexnet"],
    2,
    /no network here; choose one of unet/,
  );
  await run([at("patchgan.safetensors"), at("x.txt")], 2, /end it in \.safetensors or \.pth/);
  await run([at("hostile.pth"), at("x.safetensors")], 3, /hostile\.pth: pickle, byte \d+: names posix\.system/);
  await run([at("nowhere.pth"), at("x.safetensors")], 7, /nowhere\.pth: does not exist/);
  assert.equal(
    (await readdir(folder)).filter((n) => n.startsWith("x")),
    [],
  );
});

test("every network is rebuilt from the shapes of its own state dict, whatever its width and depth", () => {
  const made: Record<string, NamedForPyTorch> = {
    unet: new UNet({ width: 3, depth: 3, inputs: 2, outputs: 4 }),
    "dense-fcn": new DenseFcn({
      width: 5,
      growth: 2,
      layers: { encoder: 3, bottleneck: 2, decoder: 1 },
      depth: 2,
      outputs: 3,
    }),
    mrrn: new Mrrn({ width: 2, units: 2, inputs: 2 }),
    "resnet-generator": new ResnetGenerator({ width: 3, blocks: 2, outputs: 2 }),
    "patch-discriminator": new PatchDiscriminator({ width: 3, layers: 2, inputs: 2 }),
    vgg19: new Vgg({ width: 2, taps: ["conv4_1"] }),
    vgg16: new Vgg({ layers: 16, width: 2, taps: ["conv5_3"] }),
    "alpha-network": new AlphaNetwork({ width: 2, hidden: 3, inputs: 3 }),
    "drit-content-encoder": new ContentEncoder({ width: 2, blocks: 2, sharedBlocks: 2 }),
    "drit-style-encoder": new StyleEncoder({ width: 2, styles: 3, inputs: 2 }),
    "drit-generator": new StyleGenerator({ width: 2, styles: 4, blocks: 3, outputs: 2 }),
    "drit-discriminator": new MultiScaleDiscriminator({ width: 2, layers: 3, scales: 2 }),
    "drit-content-discriminator": new ContentDiscriminator({ channels: 3, layers: 2 }),
  };
  assert.equal(Object.keys(made), modelNames);
  for (const [name, network] of Object.entries(made)) {
    (network as UNet).initialize(new RandomStreams(1));
    const dict = toStateDict(network, (v) => v.initialData());
    const again = networkFor(name, dict).network;
    loadStateDict(again, dict);
    const values = (n: NamedForPyTorch): [string, ArrayLike<number>][] =>
      [...n.variables()].map(([path, v]: [string, Variable]) => [path, v.initialData()]);
    assert.equal(values(again), values(network), name);
  }
});

const tiny = presetConfig("cmedl", {
  seed: 4,
  data: { size: 32, fieldMm: 100 },
  optimization: { batch: 1, epochs: 1, steps: 1, pool: 2 },
  networks: {
    segmentor: { width: 2 },
    generator: { width: 2, blocks: 1 },
    discriminator: { width: 2 },
    features: { width: 2, taps: ["conv3_3"] },
  },
} satisfies PartialConfig);

test("a run's networks become plain state dicts, .pth files and ONNX models", async () => {
  const regime = makeRegime(tiny);
  using device = await Device.open((await environment().gpu()).gpu);
  await mkdir(at("run/checkpoints"), { recursive: true });
  await writeFile(at("run/config.yaml"), writeConfig(tiny));
  await writeFile(
    at("run/checkpoints/step-00000001.safetensors"),
    await saveCheckpoint(device, regime, startOfRun(), tiny),
  );
  assert.is((await cmedl(["convert", at("run"), at("student.safetensors")])).exitCode, 0);
  const student = readSafetensors(await bytesOf(at("student.safetensors"))).tensors;
  const wanted = toStateDict(regime.networks.SC!, (v) => v.initialData());
  assert.equal([...student.keys()].sort(), [...wanted.keys()].sort());
  for (const [name, { shape, data }] of wanted)
    assert.equal([student.get(name)!.shape, student.get(name)!.data], [shape, data], name);
  const translator = await cmedl([
    "convert",
    at("run"),
    at("translator.pth"),
    "--network",
    "GCM",
    "--model",
    "generator",
  ]);
  assert.is(translator.exitCode, 0, translator.stderr);
  const { tensors } = readPth(await bytesOf(at("translator.pth")));
  for (const [name, { data }] of toStateDict(regime.networks.GCM!, (v) => v.initialData()))
    assert.equal(tensors.get(name)!.data, data, name);
  const other = await cmedl(["convert", at("run"), at("y.pth"), "--network", "SX"]);
  assert.is(other.exitCode, 2);
  assert.match(other.stderr, /holds no network SX; choose one of .*GCM/);

  for (const [args, said] of [
    [[at("run"), at("student.onnx")], /image \[batch, 1, 32, 32\] → logits \[batch, 1, 32, 32\]/],
    [
      [at("run"), at("judge.onnx"), "--network", "DM", "--size", "32"],
      /image \[batch, 1, 32, 32\] → output \[batch, 1, 6, 6\]/,
    ],
    [[checkpoint, at("unet.onnx"), "--model", "unet", "--size", "8"], /logits \[batch, 1, 8, 8\]/],
  ] as const) {
    const done = await cmedl(["export", ...args]);
    assert.is(done.exitCode, 0, done.stderr);
    assert.match(done.stderr, said);
    assert.ok((await bytesOf(args[1])).length > 1000);
  }
  // The same of a model's zip.
  assert.is((await cmedl(["export", at("run"), at("model.zip")])).exitCode, 0);
  for (const name of ["student.safetensors", "student.pth", "student.onnx"]) {
    const command = name.endsWith("onnx") ? "export" : "convert";
    for (const [from, to] of [
      [at("run"), at(name)],
      [at("model.zip"), at(`zip-${name}`)],
    ] as const) {
      const done = await cmedl([command, from, to, "--force"]);
      assert.is(done.exitCode, 0, done.stderr);
    }
    assert.equal(await bytesOf(at(`zip-${name}`)), await bytesOf(at(name)), name);
  }
  assert.is((await cmedl(["export", at("run"), at("model.safetensors")])).exitCode, 0);
  assert.is((await cmedl(["export", at("model.zip"), at("zip-model.safetensors")])).exitCode, 0);
  assert.equal(await bytesOf(at("zip-model.safetensors")), await bytesOf(at("model.safetensors")));
  const judge = await cmedl(["convert", at("model.zip"), at("y.pth"), "--network", "DM"]);
  assert.match(judge.stderr, /model\.zip holds no network DM; choose one of .*GCM/);
  const twice = await cmedl(["export", at("model.zip"), at("again.zip")]);
  assert.equal([twice.exitCode, /is a model's zip already: copy it/.test(twice.stderr)], [2, true]);
  const small = await cmedl(["export", at("run"), at("z.onnx"), "--network", "DM", "--size", "4"]);
  assert.is(small.exitCode, 2, small.stderr);
  assert.match(small.stderr, /DM at 4 × 4: conv2d/);
  assert.match((await cmedl(["export", checkpoint, at("z.onnx")])).stderr, /name it by --model/);
});

test("a wrapped network is converted by its own names, and one of several by its prefix", async () => {
  const net = new PatchDiscriminator({ width: 1 });
  net.initialize(new RandomStreams(1));
  const dict = [...toStateDict(net, (v) => v.initialData())];
  const file = async (name: string, rename: (name: string) => string): Promise<string> => {
    const tensors = dict.map(([n, t]) => [rename(n), { ...t, data: t.data as Float32Array<ArrayBuffer> }] as const);
    await writeFile(at(name), writeSafetensors([...tensors, ["other.w", { shape: [1], data: Float32Array.of(0) }]]));
    return at(name);
  };
  const args = ["--model", "patchgan", "--force"];
  const prefixed = await file("gan.safetensors", (n) => `net_D.${n}`);
  const done = await cmedl(["convert", prefixed, at("d.safetensors"), "--prefix", "net_D.", ...args]);
  assert.is(done.exitCode, 0, done.stderr);
  assert.match(done.stderr, /without net_D\./);
  assert.equal(
    [...readSafetensors(await bytesOf(at("d.safetensors"))).tensors.keys()].sort(),
    dict.map(([n]) => n).sort(),
  );
  assert.is((await cmedl(["convert", prefixed, at("d.safetensors"), ...args])).exitCode, 3);
});

test("torchvision's VGG19 as a .pth serves the contextual loss", async () => {
  const vgg = new Vgg({ width: 2 });
  vgg.initialize(new RandomStreams(1));
  await writeFile(
    at("vgg.safetensors"),
    writeSafetensors(
      [...toStateDict(vgg, (v) => v.initialData())].map(([n, t]) => [
        n,
        { shape: t.shape, data: t.data as Float32Array<ArrayBuffer> },
      ]),
    ),
  );
  assert.is((await cmedl(["convert", at("vgg.safetensors"), at("vgg.pth"), "--model", "vgg19"])).exitCode, 0);
  assert.equal(await examineVgg(at("vgg.pth"), PAPER_CONFIG.networks.features), {
    taps: ["conv3_3", "conv3_4", "conv4_1"],
    width: 2,
  });
});

test.run();
