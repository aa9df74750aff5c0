// Weights as training scripts save them: wrapped by DataParallel, torch.compile, averaging, Lightning.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type TensorToWrite, writeSafetensors } from "../../data/weights/safetensors.ts";
import { writePth } from "../../data/weights/pth-write.ts";
import { RandomStreams } from "../../engine/index.ts";
import { type NamedForPyTorch, PatchDiscriminator, ResnetGenerator, UNet, Vgg19 } from "../../models/index.ts";
import { toStateDict } from "../../models/pytorch.ts";
import { readWeights } from "../../node/run/weights.ts";

const test = suite("weights from files");
const folder = mkdtempSync(join(tmpdir(), "cmedl-weights-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function dictOf(network: NamedForPyTorch): Map<string, TensorToWrite> {
  network.initialize(new RandomStreams(3));
  return new Map(
    [...toStateDict(network, (v) => v.initialData())].map(([name, { shape, data }]) => [
      name,
      { shape, data: data as Float32Array<ArrayBuffer> },
    ]),
  );
}
const networks = {
  unet: dictOf(new UNet({ width: 1, depth: 1 })),
  generator: dictOf(new ResnetGenerator({ width: 1, blocks: 1 })),
  patchgan: dictOf(new PatchDiscriminator({ width: 1 })),
  vgg19: dictOf(new Vgg19({ width: 1 })),
};

/** The names that a file of these tensors is read under, and what is said of it. */
async function namesOf(
  tensors: Iterable<[string, TensorToWrite]>,
  options: Parameters<typeof readWeights>[1] = {},
): Promise<{ names: string[]; said: string }> {
  const path = join(folder, "w.safetensors");
  writeFileSync(path, writeSafetensors(tensors));
  let said = "";
  const read = await readWeights(path, options, (text) => {
    said += text;
  });
  return { names: [...read.tensors.keys()].sort(), said };
}
const renamed = (dict: Map<string, TensorToWrite>, rename: (name: string) => string): [string, TensorToWrite][] =>
  [...dict].map(([name, t]) => [rename(name), t]);
const count: [string, TensorToWrite] = ["n_averaged", { shape: [], data: Float32Array.of(8) }];

for (const [network, dict] of Object.entries(networks)) {
  const own = [...dict.keys()].sort();
  for (const prefix of [
    "",
    "module.",
    "_orig_mod.",
    "model.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "model.model.",
  ])
    for (const model of [network, undefined])
      test(`${network} behind "${prefix}", ${model ? "asked for by name" : "not asked for"}, has its own names`, async () => {
        const { names, said } = await namesOf(
          renamed(dict, (name) => prefix + name),
          { model },
        );
        assert.equal(names, own);
        assert.is(said.includes("without"), prefix !== "");
      });
  test(`averaged weights of ${network} are read without their count`, async () => {
    assert.equal((await namesOf([...renamed(dict, (name) => `module.${name}`), count])).names, own);
  });
}

test("a part that was compiled or made parallel alone has its own names too", async () => {
  const own = [...networks.vgg19.keys()].sort();
  for (const wrapper of ["module", "_orig_mod"])
    assert.equal(
      (await namesOf(renamed(networks.vgg19, (name) => name.replace("features.", `features.${wrapper}.`)))).names,
      own,
    );
});

test("names of a network that nobody knows lose only what no network has of its own", async () => {
  const t: TensorToWrite = { shape: [1], data: Float32Array.of(1) };
  assert.equal(
    (
      await namesOf([
        ["model.a", t],
        ["model.b", t],
      ])
    ).names,
    ["model.a", "model.b"],
  );
  assert.equal(
    (
      await namesOf([
        ["module.a", t],
        ["module.b", t],
      ])
    ).names,
    ["a", "b"],
  );
  assert.equal(
    (
      await namesOf([
        ["module.a", t],
        ["b", t],
      ])
    ).names,
    ["b", "module.a"],
  );
  // Without the wrapper two tensors would have one name.
  assert.equal(
    (
      await namesOf([
        ["a._orig_mod.w", t],
        ["a.w", t],
      ])
    ).names,
    ["a._orig_mod.w", "a.w"],
  );
});

test("a prefix chooses among networks of one dict, and is cut", async () => {
  const both = [
    ...renamed(networks.generator, (name) => `net_G.${name}`),
    ...renamed(networks.patchgan, (name) => `net_D.${name}`),
  ];
  const { names, said } = await namesOf(both, { prefix: "net_D." });
  assert.equal(names, [...networks.patchgan.keys()].sort());
  assert.match(said, /names are read without net_D\./);
  try {
    await namesOf(both, { prefix: "net_E." });
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /tensors: no name begins with net_E\.: net_D\..*; give another --prefix/);
  }
});

test("a .pth under any name is read by its bytes", async () => {
  const path = join(folder, "w.safetensors");
  writeFileSync(path, writePth(networks.unet));
  assert.equal([...(await readWeights(path)).tensors.keys()], [...networks.unet.keys()]);
});

test.run();
