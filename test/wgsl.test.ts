// Every kernel's WGSL compiles as it stands in its file, with every value of its seams, and as its host would run it,
// at every combination of its tunables. Dawn's null back end validates like a real one and runs nothing, so this
// needs no driver, and its tensor cores are of any size.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MATRIX_FEATURE } from "../engine/tensor-cores.ts";
import { combinations } from "../lab/choice.ts";
import { allKernels } from "../kernels/index.ts";
import { type Kernel, type Params, type Traits, reflect, specialize } from "../kernels/kernel.ts";
import { complaintsOf, withDirectives } from "../lab/lint/compile.ts";
import { findingText } from "../lab/lint/finding.ts";
import { lintFiles } from "../lab/lint/lint.ts";
import { storagesOf, valuesOfSeam } from "../lab/lint/seams.ts";
import { canHaveParts, withParts } from "../engine/wgsl/parts.ts";
import { openValidator } from "../node/gpu/validator.ts";
import { kernelFiles } from "../node/kernels/files.ts";

const test = suite("wgsl");

const linted = await kernelFiles(process.cwd());
const files = linted.map(({ file }) => file.replace(/^kernels\//, ""));
const text = (file: string): string => readFileSync(`kernels/${file}`, "utf8");

let device: GPUDevice;
test.before(async () => {
  device = await openValidator();
});
test.after(() => device.destroy());

/** The compiler's or the pipeline's complaints, in words. */
const complaints = async (code: string): Promise<string> =>
  (await complaintsOf(device, withDirectives(code))).map(({ line, message }) => `${line}: ${message}`).join("\n");

for (const file of linted) {
  test(`${file.file} compiles at every value of its seams and tunables, and has nothing that is unused`, async () => {
    assert.is((await lintFiles(device, [file])).map(findingText).join("\n\n"), "");
  });
}

test("the list of all kernels has what every file of a family exports", async () => {
  const isKernel = (x: unknown): x is Kernel => typeof x === "object" && x !== null && "source" in x && "bindings" in x;
  const exported: string[] = [];
  for (const f of readdirSync("kernels", { encoding: "utf8", recursive: true })) {
    if (!f.endsWith(".ts") || f.endsWith(".d.ts") || f === "index.ts") continue;
    const module = (await import(`../kernels/${f.slice(0, -3)}.ts`)) as Record<string, unknown>;
    exported.push(
      ...Object.values(module)
        .flat()
        .filter(isKernel)
        .map((k) => k.name),
    );
  }
  assert.equal([...new Set(exported)].sort(), allKernels.map((k) => k.name).sort());
});

test("every kernel compiles with parts but those that use memory by more than its elements", async () => {
  const without: string[] = [];
  for (const k of allKernels) {
    for (const consts of combinations(k)) {
      const code = specialize(k.source, { consts });
      if (!canHaveParts(code)) {
        without.push(k.name);
        break;
      }
      const first = k.bindings.find((b) => b.access === "read_write")!;
      const same = k.bindings.filter((b) => b.access === "read" && b.type === first.type);
      for (const through of [new Map<number, number>(), new Map(same.map((b) => [b.index, first.index]))])
        assert.is(await complaints(withParts(code, through)), "", `kernel ${k.name}, ${JSON.stringify(consts)}`);
    }
  }
  assert.equal(without.sort(), [
    "finish",
    "read-texture",
    "scatter-bounds",
    "scatter-list",
    "scatter-rooms",
    "tsne-spread",
    "write-texture",
  ]);
});

test("every exported kernel compiles where a plan binds what it reads as writable", async () => {
  for (const k of allKernels)
    for (const consts of combinations(k)) {
      const code = specialize(k.source, { consts }).replaceAll("<storage, read>", "<storage, read_write>");
      assert.is(await complaints(code), "", `kernel ${k.name}, ${JSON.stringify(consts)}`);
    }
});

test("kernels on tensor cores compile at any size of these and of subgroups", async () => {
  const onTensorCores = allKernels.filter((k) => k.source.includes(MATRIX_FEATURE.replaceAll("-", "_")));
  assert.is(onTensorCores.length, 8);
  const some: Params = new Proxy({}, { get: () => 64 });
  for (const k of onTensorCores)
    for (const [m, n, kk] of [
      [8, 8, 8],
      [16, 8, 8],
      [16, 8, 16],
      [8, 16, 16],
      [16, 16, 8],
      [16, 16, 16],
    ] as const) {
      for (const lanes of [
        [4, 4],
        [8, 32],
        [32, 32],
        [32, 64],
        [64, 64],
        [4, 128],
      ] as const) {
        const size = { m, n, k: kk };
        const traits: Traits = { cpu: false, f16: true, subgroups: true, matrix: { f16: size, f32: size, lanes } };
        for (const aliases of storagesOf(k))
          for (const choice of combinations(k)) {
            const consts = { ...k.consts!(some, traits), ...choice };
            assert.is(
              await complaints(specialize(k.source, { aliases, consts })),
              "",
              `kernel ${k.name}, ${JSON.stringify({ ...aliases, ...consts })}`,
            );
          }
      }
    }
});

test("a product of small matrices where a subgroup's invocations may part is refused", async () => {
  const code = text("matmul/matmul-subgroup-matrix.wgsl");
  assert.match(
    await complaints(code.replace("if (block < BLOCKS_M * BLOCKS_N) {", "if (local % 3u == 0u) {")),
    /uniform/,
  );
  assert.match(
    await complaints(code.replace("@workgroup_size(128)", "@workgroup_size(64)")),
    /multiple of the device maxSubgroupSize/,
  );
});

test("every .wgsl file is the source of an exported kernel, and kernels' names differ", () => {
  assert.equal(
    linted.filter(({ kernels }) => kernels.length === 0).map(({ file }) => file),
    [],
  );
  assert.is(new Set(allKernels.map((k) => k.name)).size, allKernels.length);
});

test("reflect() sees every binding, numbered from 0, the uniform first, and at most 8 storage buffers", () => {
  for (const f of files) {
    const { bindings, textures } = reflect(text(f));
    assert.is(
      bindings.length + textures.length,
      text(f)
        .replace(/\/\/.*/g, "")
        .match(/@binding/g)!.length,
      f,
    );
    assert.equal(
      [...bindings, ...textures].map((b) => b.index),
      [...bindings, ...textures].map((_, i) => i),
      f,
    );
    assert.ok(bindings.filter((b) => b.access !== "uniform").length <= 8, f);
    assert.ok(
      bindings.every((b, i) => b.access !== "uniform" || (i === 0 && b.name === "params")),
      f,
    );
  }
});

test("every .wgsl file opens with what it computes, and its hooks are one line each", () => {
  for (const f of files) {
    assert.ok(/^(enable \w+;\n)*\/\/ \S/.test(text(f)), `${f} begins with no comment`);
    for (const [, line = ""] of text(f).matchAll(/^\/\/ hook.*\n(.*)$/gm)) assert.match(line, /^fn \w+\(.*\}\s*$/, f);
  }
});

test("a seam's comment names its values", () => {
  assert.equal(valuesOfSeam("const A = 0u; // seam: 0 sum, 1 max, 3 product"), [0, 1, 3]);
  assert.equal(valuesOfSeam("const A = 2u; // seam: vec4s of output, 1 … 3"), [1, 2, 3]);
  assert.equal(valuesOfSeam("const A = 4u; // seam: channels, 4 or 1"), [4, 1]);
  assert.equal(valuesOfSeam("const A = true; // seam"), [true, false]);
  assert.equal(valuesOfSeam("const A = 64u; // seam: pixels per workgroup"), []);
});

test.run();
