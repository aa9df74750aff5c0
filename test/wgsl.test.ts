// Every kernel's WGSL compiles as it stands in its file, with every value of its seams, and as its host would run it,
// at every combination of its tunables. Dawn's null back end validates like a real one and runs nothing, so this
// needs no driver, and its tensor cores are of any size. `npm run lint:kernels` runs this file alone.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create, globals } from "webgpu";
import { MATRIX_FEATURE } from "../engine/gpu/matrix.ts";
import { textureLayout } from "../kernels/texture/texture.ts";
import { combinations } from "../engine/gpu/tuner.ts";
import {
  type Consts,
  type Kernel,
  type Params,
  type Specialization,
  type Traits,
  reflect,
  specialize,
} from "../kernels/kernel.ts";

const test = suite("wgsl");
Object.assign(globalThis, globals);

const files = readdirSync("kernels", { encoding: "utf8", recursive: true })
  .filter((f) => f.endsWith(".wgsl"))
  .sort();
const text = (file: string): string => readFileSync(`kernels/${file}`, "utf8");

const nullGpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
let device: GPUDevice;
const kernels: Kernel[] = [];

test.before(async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  device = await adapter.requestDevice({
    requiredFeatures: ["shader-f16", "subgroups", MATRIX_FEATURE] as GPUFeatureName[],
  });
  for (const f of readdirSync("kernels", { encoding: "utf8", recursive: true }).filter(
    (f) => f.endsWith(".ts") && !f.endsWith(".d.ts"),
  )) {
    const module = (await import(`../kernels/${f.slice(0, -3)}.ts`)) as Record<string, unknown>;
    kernels.push(...Object.values(module).flat().filter(isKernel));
  }
});
test.after(() => device.destroy());

const isKernel = (x: unknown): x is Kernel => typeof x === "object" && x !== null && "source" in x && "bindings" in x;

/** The compiler's or the pipeline's complaints; the layout is what reflect() read, so a binding it missed is one. */
async function complaints(text: string): Promise<string> {
  const code = /\bf16\b/.test(text.replace(/\/\/.*$/gm, "")) ? `enable f16;\n${text}` : text;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const lines = code.split("\n");
  const found = messages
    .filter((m) => m.type === "error")
    .map((m) => `${m.lineNum}:${m.linePos} ${m.message}\n    ${lines[m.lineNum - 1]}`);
  if (found.length === 0) {
    const entries = reflect(code).bindings.map(
      (b): GPUBindGroupLayoutEntry => ({
        binding: b.index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: b.access === "uniform" ? "uniform" : b.access === "read" ? "read-only-storage" : "storage" },
      }),
    );
    for (const { index, type } of reflect(code).textures)
      entries.push({ binding: index, visibility: GPUShaderStage.COMPUTE, ...textureLayout(code, type) });
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] }),
      compute: { module },
    });
  }
  const error = await device.popErrorScope();
  return [...found, ...(error && found.length === 0 ? [error.message] : [])].join("\n");
}

/**
 * Values that a const's seam may take: a bool's two, and the whole numbers its comment names ("0 sum, 1 max", "1 …
 * 4", "4 or 1").
 */
export function valuesOfSeam(line: string): (number | boolean)[] {
  const [, value, comment = ""] = /=\s*([^;]+);\s*\/\/ seam:?(.*)$/.exec(line) ?? [];
  if (value === undefined) return [];
  if (value === "true" || value === "false") return [true, false];
  const range = /\b(\d+) … (\d+)\b/.exec(comment);
  if (range) return Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => Number(range[1]) + i);
  return [...comment.matchAll(/(?<![\w.])(\d+)(?![\w.])/g)].map((m) => Number(m[1]));
}

/** Each seam's values by the const's name, from the text and from the tunables of the kernels made of it. */
function seamsOf(source: string): Map<string, Set<number | boolean>> {
  const seams = new Map<string, Set<number | boolean>>();
  for (const [line, name = ""] of source.matchAll(/^const (\w+).*\/\/ seam.*$/gm))
    seams.set(name, new Set(valuesOfSeam(line)));
  for (const k of kernels.filter((k) => k.source === source)) {
    for (const [name, values] of Object.entries(k.tunables ?? {}))
      seams.set(name, new Set([...(seams.get(name) ?? []), ...values]));
  }
  return seams;
}

/** The text in the types that its aliases' comments allow: as it is, vec4, and f16 storage. */
function widths(source: string): [string, Specialization][] {
  const aliases = new Map([...source.matchAll(/^alias (\w+) = .*$/gm)].map(([line, name = ""]) => [name, line]));
  const variants: [string, Specialization][] = [["as it is", {}]];
  if (aliases.get("F")?.includes("seam: float, or vec4")) {
    const { hooks } = reflect(source);
    const wide = (names: readonly string[]): Record<string, string> =>
      Object.fromEntries(
        names.map((name) => [
          name,
          name === "I" ? "vec4<i32>" : name === "U" ? "vec4<u32>" : name === "B" ? "vec4<bool>" : "vec4<f32>",
        ]),
      );
    const typed = [...aliases.keys()].filter((name) => !aliases.get(name)!.includes("storage type"));
    const consts: Consts = /^const LANES\b/m.test(source) ? { LANES: 4 } : {};
    // Joined lanes make one number: what is stored, where that is a seam of its own, stays f32.
    const joins = hooks.includes("lanes");
    variants.push([
      "vec4",
      {
        aliases: wide(typed.filter((name) => !(joins && name === "Y"))),
        consts,
        hooks: joins ? { lanes: "fn lanes(v : F) -> f32 { return v.x + v.y + v.z + v.w; }" } : {},
      },
    ]);
    if (joins && typed.includes("Y")) variants.push(["vec4 lane by lane", { aliases: wide(typed), consts, hooks: {} }]);
  }
  // Storage in f16, at each width.
  for (const [width, base] of [...variants]) {
    const half = [...aliases.keys()]
      .filter((name) => /^Elem4?$/.test(name))
      .map((name) => [
        name,
        name === "Elem4" || (width.startsWith("vec4") && !aliases.get(name)!.includes("storage type"))
          ? "vec4<f16>"
          : "f16",
      ]);
    if (half.length)
      variants.push([`${width}, f16`, { ...base, aliases: { ...base.aliases, ...Object.fromEntries(half) } }]);
  }
  return variants;
}

/** Storage types of a kernel: as it stands, and half precision where it has the seam. */
function storages({ source }: Kernel): Record<string, string>[] {
  const half = [...source.matchAll(/^alias (Elem4?|Word)\s*=\s*([^;]+);/gm)].map(([, name = "", type = ""]) => [
    name,
    type.replace("f32", "f16"),
  ]);
  return half.length > 0 ? [{}, Object.fromEntries(half)] : [{}];
}

for (const file of files) {
  test(`${file} compiles alone and with every value of its seams`, async () => {
    const source = text(file);
    const failures: string[] = [];
    for (const [width, base] of widths(source)) {
      const values = [...seamsOf(source)].flatMap(([name, set]) =>
        [...set].map((value): Consts => ({ [name]: value })),
      );
      for (const consts of [{}, ...values]) {
        const code = specialize(source, { ...base, consts: { ...base.consts, ...consts } });
        const why = await complaints(code);
        if (why) failures.push(`${file} ${width} ${JSON.stringify(consts)}: ${why}`);
      }
    }
    if (failures.length > 0) throw new Error(`${failures.length} variants do not compile, the first: ${failures[0]}`);
  });
}

test("every exported kernel compiles at every combination of its tunables, in each type of its storage", async () => {
  assert.ok(kernels.length > 0);
  for (const k of new Set(kernels)) {
    for (const aliases of storages(k))
      for (const consts of combinations(k)) {
        assert.is(
          await complaints(specialize(k.source, { aliases, consts })),
          "",
          `kernel ${k.name}, ${JSON.stringify({ ...aliases, ...consts })}`,
        );
      }
  }
});

test("kernels on tensor cores compile at any size of these and of subgroups", async () => {
  const onTensorCores = [...new Set(kernels)].filter((k) => k.source.includes(MATRIX_FEATURE.replaceAll("-", "_")));
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
        for (const aliases of storages(k))
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
  const unused = files.filter((f) => !kernels.some((k) => k.source === text(f)));
  assert.equal(unused, []);
  const distinct = [...new Set(kernels)];
  assert.is(new Set(distinct.map((k) => k.name)).size, distinct.length);
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
