// Every op has a rule of its gradient, or a derivative where it is applied, or is known to have none; and a page
// bundles no gradient that it has no use for.
import { readFileSync, readdirSync } from "node:fs";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ancestors } from "../engine/ancestors.ts";
import { gradients } from "../engine/gradients/index.ts";
import {
  type Tensor,
  atan,
  avgPool2d,
  contextualMatch,
  cos,
  cumSum,
  erf,
  erfc,
  gather,
  grad,
  gridSample,
  input,
  maxUnpool2d,
  mul,
  pow,
  sin,
  sum,
} from "../engine/index.ts";
import type { Op } from "../engine/op.ts";
import { sumAcrossRanks } from "../engine/ops/across-ranks.ts";
import { passOp } from "../engine/ops/pass.ts";

const test = suite("gradient rules");

/** What no derivative goes through: it starts a graph, gives whole numbers or bools, or updates parameters. */
const WITHOUT = [
  "constantOp",
  "inputOp",
  "iotaOp",
  "variableOp",
  "uniformOp",
  "adamOp",
  "adamAmsgradOp",
  "argOp",
  "maxPoolIndicesOp",
  "equalOp",
  "notEqualOp",
  "lessOp",
  "lessEqualOp",
  "greaterOp",
  "greaterEqualOp",
  "finiteOp",
  // The gradient of contextualMatch is not differentiated again.
  "contextualPullOp",
  "contextualGradOp",
];

/** What has no rule, but a derivative by withGradient where it is applied: what most networks lack. */
const ATTACHED = [
  "acrossRanksOp",
  "avgPoolOp",
  "avgPoolGradOp",
  "contextualOp",
  "gatherOp",
  "mixOp",
  "scanOp",
  "scatterAddOp",
  "scatterLastOp",
  "spreadOp",
  "tapGradOp",
  "sinOp",
  "cosOp",
  "atanOp",
  "erfOp",
  "erfcOp",
  "powOp",
];

const files = ["engine", "engine/ops", "engine/gradients"].flatMap((folder) =>
  readdirSync(folder)
    .filter((f) => f.endsWith(".ts"))
    .map((f) => `${folder}/${f.slice(0, -3)}`),
);
const moduleOf = (file: string): Promise<Record<string, unknown>> => {
  const name = file.split("/").at(-1)!;
  if (file.startsWith("engine/ops/")) return import(`../engine/ops/${name}.ts`);
  return file.startsWith("engine/gradients/")
    ? import(`../engine/gradients/${name}.ts`)
    : import(`../engine/${name}.ts`);
};

const isOp = (x: unknown): x is Op => typeof x === "object" && x !== null && "kind" in x && "infer" in x;

/** Every op of the engine, by the name that it is exported under. */
async function allOps(): Promise<Map<string, Op>> {
  const found = new Map<string, Op>();
  for (const file of files)
    for (const [name, value] of Object.entries(await moduleOf(file))) if (isOp(value)) found.set(name, value);
  return found;
}

test("every op has a rule of its gradient, or is listed here as one without", async () => {
  const ops = await allOps();
  const without = [...ops].filter(([, op]) => !gradients.has(op)).map(([name]) => name);
  assert.equal(without.sort(), [...WITHOUT, ...ATTACHED].sort());
});

/** Graphs that apply all ops of ATTACHED: gradients, and gradients of these, by all that a function takes. */
function differentiated(): Tensor[] {
  const image = input("image", [1, 4, 4, 2]);
  const grid = input("grid", [1, 4, 4, 2]);
  const index = input("index", [1, 4, 4, 2], "i32");
  const [x, y] = [input("x", [1, 3, 4]), input("y", [1, 5, 4])];
  const matches = contextualMatch(x, y);
  const twice = (y: Tensor, xs: readonly Tensor[]): Tensor[] => {
    const first = grad(sum(mul(y, y)), xs);
    return [...first, ...first.flatMap((dx) => grad(sum(mul(dx, dx)), xs))];
  };
  return [
    ...twice(gather(image, index, 1), [image]),
    ...twice(cumSum(image, 1), [image]),
    ...twice(sumAcrossRanks(image), [image]),
    ...twice(avgPool2d(image, { kernel: 2 }), [image]),
    ...twice(maxUnpool2d(image, index, 8), [image]),
    ...twice(gridSample(image, grid), [image, grid]),
    ...[sin, cos, atan, erf, erfc].flatMap((f) => twice(f(image), [image])),
    ...twice(pow(image, grid), [image, grid]),
    // Its gradient is not differentiated again.
    ...grad(sum(mul(matches, matches)), [x, y]),
  ];
}

test("an op without a rule has its derivative in a pass wherever it is applied", async () => {
  const ops = await allOps();
  const names = new Map(ATTACHED.map((name) => [ops.get(name), name]));
  const nodes = ancestors(differentiated());
  const applied = nodes.filter(({ op }) => names.has(op));
  const derived = new Set(
    nodes.filter(({ op, attrs }) => op === passOp && "derivative" in attrs).map(({ inputs }) => inputs[0]!.node),
  );
  assert.equal([...new Set(applied.map(({ op }) => names.get(op)))].sort(), [...ATTACHED].sort());
  assert.equal(
    applied.filter((node) => !derived.has(node)).map(({ op }) => op.name),
    [],
  );
  // What reads its value beside the pass would take it for a constant.
  const constantTo = new Set<Op | undefined>(WITHOUT.map((name) => ops.get(name)));
  const beside = nodes
    .filter(({ op }) => op !== passOp && !constantTo.has(op))
    .flatMap(({ op, inputs }) =>
      inputs.filter((x) => names.has(x.node.op)).map((x) => `${op.name} of ${x.node.op.name}`),
    );
  assert.equal(beside, []);
});

test("no rule replaces another", async () => {
  const lists = await Promise.all(files.filter((f) => f.startsWith("engine/gradients/")).map(moduleOf));
  const rules = lists.flatMap((m) => Object.values(m).filter((v): v is [Op, unknown][] => Array.isArray(v))).flat();
  assert.is(rules.length, gradients.size);
});

test("every op is exported as …Op, so that none is left out here", async () => {
  const ops = await allOps();
  const declared = files.flatMap((file) =>
    [...readFileSync(`${file}.ts`, "utf8").matchAll(/^(?:export )?const (\w+)(?:: \w*Op\b[^=]*)? = (.*)/gm)]
      .filter(
        ([line, , value]) => /^(export )?const \w+: \w*Op\b/.test(line) || /\b(unary|binary|reduce)Op\(/.test(value!),
      )
      .filter(([line]) => !line.includes("=>"))
      .map(([, name]) => name!),
  );
  assert.ok(declared.length > 60, `only ${declared.length} ops are declared`);
  assert.equal(
    declared.filter((name) => !ops.has(name) || !name.endsWith("Op")),
    [],
  );
});

/** Source files that a page's bundle of `code` holds something of. */
async function bundledFiles(code: string): Promise<string[]> {
  const { metafile } = await build({
    stdin: { contents: code, resolveDir: process.cwd(), loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "browser",
    loader: { ".wgsl": "text" },
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  return Object.entries(output!.inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([file]) => file);
}

const imports = 'import { Device, grad } from "./engine/index.ts"; import { UNet } from "./models/index.ts";';
/** What belongs to gradients. */
const ofGradients = new RegExp(
  "^engine/(grad\\.ts|gradients/)|" +
    "^kernels/.*(-grad|gradient|max-pool-gather|sums-|gather-dots|contextual-(pull|order)|scatter-(add|links|list|rooms|taps))",
);

test("a page that only infers bundles no gradient and no kernel of one", async () => {
  const files = await bundledFiles(`${imports} export { Device, UNet };`);
  assert.ok(files.includes("engine/ops/conv-forward.ts"), "the bundle has no convolution");
  assert.equal(
    files.filter((f) => ofGradients.test(f)),
    [],
  );
});

/** Kernels of ops that attach their gradients: where a page has these ops, it has both. */
const attachedKernels = /^kernels\/(gather|scan\/scan|contextual|pool\/avg-pool)/;

test("no op's forward side needs a gradient, but those that attach it and the transposed convolution", async () => {
  // `allKernels` is every kernel by its meaning, `bringTensorCores` brings those of gradients too.
  const known = Object.keys(await import("../engine/index.ts"));
  const names = known.filter((name) => !["grad", "allKernels", "bringTensorCores"].includes(name));
  const all = await bundledFiles(`import { ${names} } from "./engine/index.ts"; export { ${names} };`);
  assert.ok(all.includes("engine/ops/contextual.ts") && all.includes("engine/ops/gather.ts"));
  assert.equal(
    all.filter((f) => ofGradients.test(f) && !attachedKernels.test(f) && !/conv2d-input-grad/.test(f)),
    [],
  );
});

test("a page that differentiates bundles them, but none of ops that attach theirs and that it has not", async () => {
  const files = await bundledFiles(`${imports} export { Device, UNet, grad };`);
  for (const name of ["conv2d/conv2d-weight-grad", "pool/max-pool-grad", "resize/resize-bilinear-grad"])
    assert.ok(
      files.includes(`kernels/${name}.ts`) && files.some((f) => f.startsWith(`kernels/${name}`) && f.endsWith(".wgsl")),
      name,
    );
  assert.equal(
    files.filter((f) => attachedKernels.test(f)),
    [],
  );
});

test.run();
