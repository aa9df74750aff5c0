// What `cmedl lint` finds in kernels with faults planted, and where it says that they are.
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Kernel, defineKernel, specialize } from "../../kernels/kernel.ts";
import { conv2dDirect } from "../../kernels/conv2d/conv2d.ts";
import { compiledFindings } from "../../lab/lint/compile.ts";
import { type Finding, findingText } from "../../lab/lint/finding.ts";
import { planOf } from "../../lab/lint/host.ts";
import { PLANNED_FOR, lintFiles } from "../../lab/lint/lint.ts";
import { unusedIn } from "../../lab/lint/unused.ts";
import { modelSubject } from "../../cli/subject.ts";
import { openValidator } from "../../node/gpu/validator.ts";
import { cmedl } from "../cli/command.ts";

const test = suite("lint");
let device: GPUDevice;
test.before(async () => {
  device = await openValidator();
});
test.after(() => device.destroy());

const SOUND = `// y = 2·x
struct Params { n : u32 }
@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
fn twice(v : f32) -> f32 { return 2.0 * v; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) gid : vec3<u32>) {
  if (gid.x < params.n) { y[gid.x] = twice(x[gid.x]); }
}
`;
const found = async (source: string): Promise<Finding[]> =>
  lintFiles(device, [{ file: "a.wgsl", source, kernels: [], family: [] }]);
const places = (findings: readonly Finding[]): string[] =>
  findings.map(({ line, column, rule }) => `${line}:${column} ${rule}`);

/** Each fault as what it replaces in the sound kernel, and where it is found. */
const FAULTS: readonly (readonly [what: string, from: string, to: string, at: string])[] = [
  ["type error", "2.0 * v", "2u * v", "6:35 compile"],
  ["unused binding", "twice(x[gid.x])", "twice(1.0)", "4:42 unused-binding"],
  ["unused field", "{ n : u32", "{ n : u32, m : u32", "2:26 unused-parameter"],
  ["unused function", "twice(x", "(x", "6:4 unused-function"],
  ["unused parameter", "2.0 * v", "2.0", "6:10 unused-parameter"],
  ["too many invocations", "@workgroup_size(64)", "@workgroup_size(64, 8)", "8:10 limit"],
  ["barrier that not all reach", "{ y[gid.x]", "{ workgroupBarrier(); y[gid.x]", "10:27 compile"],
  ["constant index out of range", "2.0 * v", "v * array<f32, 3>(1, 2, 3)[3]", "6:62 compile"],
  ["call of dbg left in", "{ y[gid.x]", "{\n  dbg(1, gid.x);\n  y[gid.x]", "11:3 left-in"],
];

test("a sound kernel has no findings", async () => assert.equal(await found(SOUND), []));

for (const [what, from, to, at] of FAULTS) {
  test(`${what}: found at its place`, async () => {
    assert.ok(SOUND.includes(from));
    const findings = await found(SOUND.replace(from, to));
    assert.ok(places(findings).includes(at), findings.map(findingText).join("\n") || "nothing was found");
  });
}

test("a hook without the types that may be fused into it", async () => {
  const hook =
    "alias F = vec4<f32>;\nalias U = vec4<u32>;\n// hook: the write\nfn epilogue(v : F, i : u32) -> F { return v; }\n";
  const hooked = SOUND.replace("fn twice", `${hook}fn twice`).replace(
    "twice(x[gid.x]);",
    "epilogue(F(twice(x[gid.x])), gid.x).x;",
  );
  const findings = await found(hooked);
  assert.equal(places(findings), ["9:4 hook-types"]);
  assert.match(findings[0]!.message, /`epilogue` may need alias I = vec4<i32>; alias B = vec4<bool>; beside F$/);
});

test("too much workgroup memory, and more storage buffers than every device binds", async () => {
  const memory = SOUND.replace("fn twice", "var<workgroup> tile : array<f32, 5000>;\nfn twice").replace(
    "twice(x[gid.x])",
    "twice(x[gid.x] + tile[gid.x])",
  );
  assert.equal(places(await found(memory)), ["6:1 limit"]);
  const names = Array.from({ length: 8 }, (_, i) => `z${i}`);
  const declared = names.map((z, i) => `@group(0) @binding(${3 + i}) var<storage, read> ${z} : array<f32>;\n`).join("");
  const many = SOUND.replace("fn twice", `${declared}fn twice`).replace(
    "twice(x[gid.x])",
    names.map((z) => `${z}[0]`).join(" + "),
  );
  assert.ok(places(await found(many)).includes("13:43 limit"), places(await found(many)).join());
});

test("a finding is told by file, line, text and caret", async () => {
  const [finding] = await found(SOUND.replace("2.0 * v", "2u * v"));
  const lines = findingText(finding!).split("\n");
  assert.match(lines[0]!, /^a\.wgsl:6:35: .*\[compile\]/);
  assert.is(lines[1], "    6 | fn twice(v : f32) -> f32 { return 2u * v; }");
  assert.is(lines[2]!.indexOf("^"), lines[1]!.indexOf("2u * v"));
});

test("with epilogues fused, an error behind the hook and one in it are told at the file's lines", async () => {
  const { source } = conv2dDirect;
  const file = { file: "conv2d-direct.wgsl", source };
  const hooks = { epilogue: "fn epilogue(v : F, i : u32) -> F {\n  let v0 = v;\n  let v1 = v0 + v0;\n  return v1;\n}" };
  const fused = (text: string, more = hooks): string => specialize(text, { hooks: more, append: "fn more() {}" });
  assert.equal(await compiledFindings(device, file, fused(source)), []);
  const main = source.split("\n").findIndex((line) => line.startsWith("fn main")) + 2;
  const wrong = source
    .split("\n")
    .map((line, i) => (i === main - 1 ? `  let wrong : f32 = 1u;\n${line}` : line))
    .join("\n");
  const [own] = await compiledFindings(device, { ...file, source: wrong }, fused(wrong));
  assert.equal([own?.line, own?.excerpt], [main, "  let wrong : f32 = 1u;"]);
  const [hook] = await compiledFindings(
    device,
    file,
    fused(source, { epilogue: hooks.epilogue.replace("v0 + v0", "v0 + 1u") }),
  );
  assert.is(hook?.line, source.split("\n").findIndex((line) => line.startsWith("fn epilogue")) + 1);
  assert.is(hook?.excerpt, "  let v1 = v0 + 1u;");
  assert.match(hook!.message, /fused into `epilogue`/);
});

test("a binding that no op gives, and what an op gives that no binding takes", () => {
  const subject = modelSubject("unet", { pass: "inference", size: 32, batch: 1, width: 4 });
  const plan = (kernels: readonly Kernel[]) =>
    planOf(subject, PLANNED_FOR["any device"]!, (k) => ({ file: `${k.name}.wgsl`, source: k.source }), kernels);
  const { source } = conv2dDirect;
  const { name } = conv2dDirect;
  const taken = { ...conv2dDirect };
  const withText = (text: string): void =>
    void Object.assign(conv2dDirect, defineKernel(name, { ...taken, source: text }));
  try {
    const binding = /@binding\(\d+\) var<storage, read> w\b/;
    withText(
      source.replace(/(?=@group\(0\) @binding\(0\))/, "@group(0) @binding(9) var<storage, read> bias : array<f32>;\n"),
    );
    const [missing] = plan([conv2dDirect]).findings;
    assert.match(missing!.message, /no memory for binding `bias`/);
    assert.ok(missing!.excerpt.includes("bias"));
    assert.match(source, binding);
  } finally {
    Object.assign(conv2dDirect, taken);
  }
});

test("Params of a family may have what a sibling reads", () => {
  const source = SOUND.replace("{ n : u32", "{ n : u32, m : u32");
  assert.is(unusedIn({ file: "a.wgsl", source }).length, 1);
  assert.is(unusedIn({ file: "a.wgsl", source }, ["params.m"]).length, 0);
});

test("the command leaves with 1, names file, line and caret, and needs no driver", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lint-"));
  const file = join(folder, "planted.wgsl");
  await writeFile(file, SOUND.replace("2.0 * v", "2u * v").replace("@workgroup_size(64)", "@workgroup_size(512)"));
  const env = { VK_DRIVER_FILES: "/nowhere.json" };
  const wrong = await cmedl(["lint", file], env);
  assert.is(wrong.exitCode, 1, wrong.stderr);
  assert.match(wrong.stdout, /planted\.wgsl:8:10: .*512 invocations/);
  assert.match(wrong.stdout, /planted\.wgsl:6:35: .*\n +6 \| .*\n +\| +\^/);
  await writeFile(file, SOUND);
  const sound = await cmedl(["lint", file], env);
  assert.equal([sound.exitCode, sound.stdout], [0, ""], sound.stderr);
  const unknown = await cmedl(["lint", "conv2d-dirct"], env);
  assert.is(unknown.exitCode, 2);
  assert.match(unknown.stderr, /did you mean conv2d-direct/);
});

test.run();
