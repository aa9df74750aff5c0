// Every kernel's WGSL compiles as it stands in its file, and with every value of its seams. Dawn's null back end validates like a
// real one and runs nothing, so this needs no driver.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create, globals } from "webgpu";
import { type Consts, type Kernel, type Specialization, reflect, specialize } from "../kernels/kernel.ts";

const test = suite("wgsl");
Object.assign(globalThis, globals);

const files = readdirSync("kernels").filter((f) => f.endsWith(".wgsl")).sort();
const text = (file: string): string => readFileSync(`kernels/${file}`, "utf8");

const nullGpu = create(["backend=null"]);
let device: GPUDevice;
let kernels: Kernel[] = [];

test.before(async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  device = await adapter.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] });
  for (const f of readdirSync("kernels").filter((f) => f.endsWith(".ts") && !f.endsWith(".d.ts"))) {
    const module = await import(`../kernels/${f.slice(0, -3)}.ts`) as Record<string, unknown>;
    kernels.push(...Object.values(module).flat().filter(isKernel));
  }
});
test.after(() => device.destroy());

const isKernel = (x: unknown): x is Kernel => typeof x === "object" && x !== null && "source" in x && "bindings" in x;

/** The compiler's or the pipeline's complaints; the layout is what reflect() read, so a binding it missed is one. */
async function complaints(code: string): Promise<string> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const lines = code.split("\n");
  const found = messages.filter((m) => m.type === "error").map((m) => `${m.lineNum}:${m.linePos} ${m.message}\n    ${lines[m.lineNum - 1]}`);
  if (found.length === 0) {
    const entries = reflect(code).bindings.map((b): GPUBindGroupLayoutEntry => ({
      binding: b.index, visibility: GPUShaderStage.COMPUTE,
      buffer: { type: b.access === "uniform" ? "uniform" : b.access === "read" ? "read-only-storage" : "storage" },
    }));
    device.createComputePipeline({ layout: device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] }), compute: { module } });
  }
  const error = await device.popErrorScope();
  return [...found, ...(error && found.length === 0 ? [error.message] : [])].join("\n");
}

/** Values that a const's seam may take: a bool's two, and the whole numbers its comment names ("0 sum, 1 max", "1 … 4", "4 or 1"). */
export function valuesOfSeam(line: string): (number | boolean)[] {
  const [, value, comment] = /=\s*([^;]+);\s*\/\/ seam:?(.*)$/.exec(line) ?? [];
  if (value === undefined) return [];
  if (value === "true" || value === "false") return [true, false];
  const range = /\b(\d+) … (\d+)\b/.exec(comment);
  if (range) return Array.from({ length: Number(range[2]) - Number(range[1]) + 1 }, (_, i) => Number(range[1]) + i);
  return [...comment.matchAll(/(?<![\w.])(\d+)(?![\w.])/g)].map((m) => Number(m[1]));
}

/** Each seam's values by the const's name, from the text and from the tunables of the kernels made of it. */
function seamsOf(source: string): Map<string, Set<number | boolean>> {
  const seams = new Map<string, Set<number | boolean>>();
  for (const [line, name] of source.matchAll(/^const (\w+).*\/\/ seam.*$/gm)) seams.set(name, new Set(valuesOfSeam(line)));
  for (const k of kernels.filter((k) => k.source === source)) {
    for (const [name, values] of Object.entries(k.tunables ?? {})) seams.set(name, new Set([...seams.get(name) ?? [], ...values]));
  }
  return seams;
}

/** The text in the types that its aliases' comments allow: as it is, vec4, and f16 storage. */
function widths(source: string): [string, Specialization][] {
  const aliases = new Map([...source.matchAll(/^alias (\w+) = .*$/gm)].map(([line, name]) => [name, line]));
  const variants: [string, Specialization][] = [["as it is", {}]];
  if (aliases.get("F")?.includes("seam: float, or vec4")) {
    const { hooks } = reflect(source);
    const wide = (names: readonly string[]): Record<string, string> =>
      Object.fromEntries(names.map((name) => [name, name === "I" ? "vec4<i32>" : name === "U" ? "vec4<u32>" : name === "B" ? "vec4<bool>" : "vec4<f32>"]));
    const typed = [...aliases.keys()].filter((name) => !aliases.get(name)!.includes("storage type"));
    const consts: Consts = /^const LANES\b/m.test(source) ? { LANES: 4 } : {};
    // Joined lanes make one number: what is stored, where that is a seam of its own, stays f32.
    const joins = hooks.includes("lanes");
    variants.push(["vec4", {
      aliases: wide(typed.filter((name) => !(joins && name === "Y"))), consts,
      hooks: joins ? { lanes: "fn lanes(v : F) -> f32 { return v.x + v.y + v.z + v.w; }" } : {},
    }]);
    if (joins && typed.includes("Y")) variants.push(["vec4 lane by lane", { aliases: wide(typed), consts, hooks: {} }]);
  }
  // Storage in f16, at each width.
  for (const [width, base] of [...variants]) {
    const half = [...aliases.keys()].filter((name) => /^Elem4?$/.test(name)).map((name) => [name, name === "Elem4" || (width.startsWith("vec4") && !aliases.get(name)!.includes("storage type")) ? "vec4<f16>" : "f16"]);
    if (half.length) variants.push([`${width}, f16`, { ...base, aliases: { ...base.aliases, ...Object.fromEntries(half) } }]);
  }
  return variants;
}

for (const file of files) {
  test(`${file} compiles alone and with every value of its seams`, async () => {
    const source = text(file);
    const failures: string[] = [];
    for (const [width, base] of widths(source)) {
      const values = [...seamsOf(source)].flatMap(([name, set]) => [...set].map((value): Consts => ({ [name]: value })));
      for (const consts of [{}, ...values]) {
        const code = specialize(source, { ...base, consts: { ...base.consts, ...consts } });
        const why = await complaints(width.endsWith("f16") ? `enable f16;\n${code}` : code);
        if (why) failures.push(`${file} ${width} ${JSON.stringify(consts)}: ${why}`);
      }
    }
    if (failures.length > 0) throw new Error(`${failures.length} variants do not compile, the first: ${failures[0]}`);
  });
}

test("every exported kernel compiles as its host would first run it", async () => {
  assert.ok(kernels.length > 0);
  for (const k of kernels) {
    const first = Object.fromEntries(Object.entries(k.tunables ?? {}).map(([name, [value]]) => [name, value]));
    assert.is(await complaints(specialize(k.source, { consts: first })), "", `kernel ${k.name}`);
  }
});

test("every .wgsl file is the source of an exported kernel, and kernels' names differ", () => {
  const unused = files.filter((f) => !kernels.some((k) => k.source === text(f)));
  assert.equal(unused, []);
  const distinct = [...new Set(kernels)];
  assert.is(new Set(distinct.map((k) => k.name)).size, distinct.length);
});

test("reflect() sees every binding, numbered from 0, the uniform first, and at most 8 storage buffers", () => {
  for (const f of files) {
    const { bindings } = reflect(text(f));
    assert.is(bindings.length, text(f).replace(/\/\/.*/g, "").match(/@binding/g)!.length, f);
    assert.equal(bindings.map((b) => b.index), bindings.map((_, i) => i), f);
    assert.ok(bindings.filter((b) => b.access !== "uniform").length <= 8, f);
    assert.ok(bindings.every((b, i) => b.access !== "uniform" || (i === 0 && b.name === "params")), f);
  }
});

test("every .wgsl file opens with what it computes, and its hooks are one line each", () => {
  for (const f of files) {
    assert.ok(/^(enable \w+;\n)*\/\/ \S/.test(text(f)), `${f} begins with no comment`);
    for (const [, line] of text(f).matchAll(/^\/\/ hook.*\n(.*)$/gm)) assert.match(line, /^fn \w+\(.*\}\s*$/, f);
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
