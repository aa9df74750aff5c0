// Kernels as they are packed: the same seams and bindings, and every one compiles.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { create, globals } from "webgpu";
import { MATRIX_FEATURE } from "../../engine/tensor-cores.ts";
import { handsOn, throughLanes } from "../../engine/wgsl/lanes.ts";
import { canHaveParts, withParts } from "../../engine/wgsl/parts.ts";
import { canReadTexels, readTexels } from "../../engine/wgsl/texels.ts";
import { reflect, specialize } from "../../kernels/kernel.ts";
import { minifyWgsl } from "../../tools/wgsl.mjs";

const test = suite("packed WGSL");
Object.assign(globalThis, globals);
const nullGpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);

const kernels = readdirSync("kernels", { encoding: "utf8", recursive: true })
  .filter((f) => f.endsWith(".wgsl"))
  .map((file) => ({ file, text: readFileSync(`kernels/${file}`, "utf8") }));

test("every kernel says of itself what its file says", () => {
  const plain = (value: unknown): string => JSON.stringify(value).replaceAll(/\s/g, "");
  for (const { file, text } of kernels) assert.is(plain(reflect(minifyWgsl(text))), plain(reflect(text)), file);
});

test("every kernel is rewritten as its file is", () => {
  const same = (file: string, text: string, rewrite: (wgsl: string) => unknown): void => {
    const [packed, whole] = [minifyWgsl(text), text].map(rewrite);
    const plain = (value: unknown): unknown =>
      typeof value === "string" ? minifyWgsl(value).replaceAll(/\s/g, "") : value;
    assert.equal(plain(packed), plain(whole), file);
  };
  let joined = 0;
  let handed = 0;
  for (const { file, text } of kernels) {
    const arrays = reflect(text).bindings.filter((b) => b.access === "read");
    for (const { name } of arrays) same(file, text, (wgsl) => canReadTexels(wgsl, name));
    const read = arrays.filter(({ name }) => canReadTexels(text, name));
    same(file, text, (wgsl) =>
      readTexels(
        wgsl,
        read.map(({ index, name }) => ({ binding: index, name })),
      ),
    );
    same(file, text, canHaveParts);
    if (canHaveParts(text)) same(file, text, (wgsl) => withParts(wgsl, new Map()));
    joined += Number(canHaveParts(text));
    same(file, text, handsOn);
    const ofEight = (wgsl: string): string => specialize(wgsl, { consts: { THREADS: 8 } });
    if (handsOn(text)) {
      same(file, text, (wgsl) => throughLanes(ofEight(wgsl), 8));
      same(file, text, (wgsl) => canHaveParts(throughLanes(ofEight(wgsl), 8)));
    }
    handed += Number(handsOn(text));
  }
  assert.ok(joined > 40 && handed > 2, `${joined} can be joined, ${handed} hand on`);
});

test("every kernel compiles, with every hook replaced by itself", async () => {
  const adapter = (await nullGpu.requestAdapter())!;
  const device = await adapter.requestDevice({
    requiredFeatures: ["shader-f16", "subgroups", MATRIX_FEATURE] as GPUFeatureName[],
  });
  for (const { file, text } of kernels) {
    const small = minifyWgsl(text);
    const hooks = Object.fromEntries(
      reflect(small).hooks.map((name) => [name, new RegExp(`^fn ${name}\\([^\\n]*$`, "m").exec(small)![0]]),
    );
    const half = /\bf16\b/.test(small) ? "enable f16;\n" : "";
    const module = device.createShaderModule({ code: half + specialize(small, { hooks }) });
    const errors = (await module.getCompilationInfo()).messages.filter((m) => m.type === "error");
    assert.equal(
      errors.map((m) => `${file}:${m.lineNum} ${m.message}`),
      [],
    );
  }
  device.destroy();
});

test("the functions that expressions call compile, for numbers and for vec4", async () => {
  const device = await (await nullGpu.requestAdapter())!.requestDevice();
  const files = readdirSync("engine/wgsl").filter((file) => file.endsWith(".wgsl"));
  assert.ok(files.length > 0);
  const functions = files.map((file) => minifyWgsl(readFileSync(`engine/wgsl/${file}`, "utf8"))).join("");
  for (const type of ["f32 i32 u32 bool", "vec4<f32> vec4<i32> vec4<u32> vec4<bool>"]) {
    const aliases = type.split(" ").map((t, i) => `alias ${"FIUB"[i]} = ${t};\n`);
    const { messages } = await device.createShaderModule({ code: aliases.join("") + functions }).getCompilationInfo();
    assert.equal(
      messages.map((m) => `${m.lineNum} ${m.message}`),
      [],
    );
  }
  device.destroy();
});

test("signs that would run into one another stay apart, hooks keep their lines, bindings their spaces", () => {
  assert.is(minifyWgsl("  let a = b - -c; // why\n"), "let a=b - -c;\n");
  assert.is(minifyWgsl("const KV = 2u;  // seam: why\nalias F = vec4<f32>;\n"), "const KV=2u;\nalias F=vec4<f32>;\n");
  const binding = "@group(0) @binding(1) var<storage, read> x : array<F>;\n";
  assert.is(minifyWgsl(binding), binding);
  assert.is(minifyWgsl("// hook: what\nfn f(x : F) -> F { return x; }\n"), "// hook\nfn f(x:F)->F{return x;}\n");
});

test.run();
