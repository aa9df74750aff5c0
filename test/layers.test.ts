// The architecture as imports: who may import whom, who may touch Node, the DOM and npm packages, and how long a file
// may be.
import { readFileSync, readdirSync } from "node:fs";
import { posix } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packageOf } from "../tools/npm-packages.mjs";
import { ROOMS } from "../tools/rooms.mjs";

const test = suite("layers");

/** What an op brings for its own lowering. */
const LOWERINGS = ["engine/lower/statistics-op.ts", "engine/lower/join-norms.ts"];

/**
 * What files may import of ours: the first row whose `from` begins the file's path decides. A path that ends in / is
 * a folder.
 */
const table: { from: string; may: string[]; packages?: string[] }[] = [
  { from: "errors/", may: ["errors/"] },
  { from: "kernels/", may: ["kernels/"] },
  { from: "engine/index.ts", may: ["engine/", "kernels/index.ts"] },
  {
    from: "engine/gpu/",
    may: [
      "engine/gpu/",
      "engine/errors.ts",
      "engine/dtype.ts",
      "engine/driver-compile.ts",
      "engine/tensor-cores.ts",
      "engine/llvmpipe.ts",
      "kernels/kernel.ts",
      "kernels/texels.ts",
    ],
  },
  { from: "engine/ops/", may: ["engine/ops/", "engine/*", "engine/wgsl/functions.ts", ...LOWERINGS, "kernels/"] },
  { from: "engine/gradients/", may: ["engine/gradients/", "engine/ops/", "engine/*", ...LOWERINGS, "kernels/"] },
  // Alone: what does not differentiate needs no gradient, and nothing else of training.
  { from: "engine/grad.ts", may: ["engine/*", "engine/ops/", "engine/gradients/index.ts", "engine/plan/recompute.ts"] },
  {
    from: "engine/llvmpipe.ts",
    may: [
      "engine/part.ts",
      "engine/gpu/",
      "engine/lower/lanes.ts",
      "engine/plan/texels.ts",
      "engine/run/texel-uses.ts",
      "engine/wgsl/texels.ts",
    ],
  },
  { from: "engine/horizontal.ts", may: ["engine/part.ts", "engine/plan/horizontal.ts", "engine/wgsl/parts.ts"] },
  { from: "engine/training.ts", may: ["engine/*", "engine/ops/", "engine/plan/recompute.ts"] },
  // From a graph to a program: each step knows what stands before it.
  { from: "engine/fuse/", may: ["engine/fuse/", "engine/ops/", "engine/*", "kernels/"] },
  { from: "engine/wgsl/", may: ["engine/wgsl/", "engine/fuse/", "engine/ops/", "engine/*", "kernels/"] },
  { from: "engine/lower/", may: ["engine/lower/", "engine/wgsl/", "engine/fuse/", "engine/*", "kernels/"] },
  {
    from: "engine/plan/",
    may: ["engine/plan/", "engine/wgsl/", "engine/lower/", "engine/fuse/", "engine/*", "kernels/"],
  },
  {
    from: "engine/run/",
    may: [
      "engine/run/",
      "engine/plan/",
      "engine/lower/",
      "engine/wgsl/",
      "engine/fuse/",
      "engine/gpu/",
      "engine/ops/",
      "engine/*",
      "kernels/",
    ],
  },
  { from: "engine/", may: ["engine/*", "engine/ops/", "kernels/kernel.ts", "errors/"] },
  { from: "models/", may: ["models/", "engine/index.ts"] },
  { from: "losses/", may: ["losses/", "engine/index.ts"] },
  { from: "analysis/", may: ["analysis/", "engine/index.ts", "kernels/", "data/"] },
  {
    from: "data/formats/dicom/",
    may: ["data/", "errors/"],
    packages: ["dcmjs", "dicom-parser", "jpeg-lossless-decoder-js", "wgpu-matrix"],
  },
  { from: "data/", may: ["data/", "errors/"], packages: ["fflate", "fast-png", "nifti-reader-js", "wgpu-matrix"] },
  { from: "metrics/", may: ["metrics/", "data/"] },
  {
    from: "report/",
    may: ["report/", "metrics/", "data/", "errors/"],
    packages: ["@observablehq/plot", "fast-png", "fflate", "linkedom"],
  },
  // What looks into programs and kernels, for their developers: by import alone, no page pays for it.
  { from: "lab/", may: ["lab/", "engine/", "kernels/", "errors/"] },
  { from: "inference/", may: ["inference/", "engine/index.ts", "models/", "data/", "errors/"] },
  {
    from: "train/",
    may: ["train/", "inference/", "engine/index.ts", "models/", "losses/", "data/", "metrics/"],
    packages: ["fflate"],
  },
];
const edges = ["node/", "cli/", "web/", "test/", "bench/", "tools/", "examples/"];

/** Of the edges: what may not import what. */
const apart: Record<string, string[]> = { "node/": ["cli/", "web/"], "cli/": ["web/"], "web/": ["cli/", "node/"] };

interface Import {
  file: string;
  line: number;
  to: string;
}

const rooms = new Set([...table.map(({ from }) => from), ...edges].map((path) => path.split("/")[0]!));
const sources = [...rooms].flatMap((folder) => filesBelow(folder)).filter((f) => /\.(tsx?|mjs)$/.test(f));
const product = sources.filter((f) => !edges.some((e) => f.startsWith(e)));

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true })
      .map((f) => `${folder}/${String(f).replaceAll("\\", "/")}`)
      .filter((f) => !f.includes("/node_modules/"))
      .sort();
  } catch {
    return [];
  }
}

/** Static, dynamic and re-exporting imports, of types too; relative ones as paths from the root. */
export function importsOf(file: string, text = readFileSync(file, "utf8")): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, " ")).replace(/(^|\s)\/\/.*$/gm, "$1");
  return [...code.matchAll(/(?<=^|[;}\s])(?:from\s*|import\s*\(?\s*)["'`]([^"'`\n]+)["'`]/g)].map((m) => ({
    file,
    line: code.slice(0, m.index).split("\n").length,
    to: m[1]!.startsWith(".") ? posix.join(posix.dirname(file), m[1]!) : m[1]!,
  }));
}

const under = (path: string, pattern: string): boolean =>
  pattern.endsWith("*")
    ? path.startsWith(pattern.slice(0, -1)) && !path.slice(pattern.length - 1).includes("/")
    : pattern.endsWith("/")
      ? path.startsWith(pattern)
      : path === pattern;
const isOurs = (to: string): boolean =>
  /^[\w-]+\//.test(to) && sources.concat("kernels/x.wgsl").some((f) => f.split("/")[0] === to.split("/")[0]);
const at = ({ file, line, to }: Import): string => `${file}:${line} imports ${to}`;

/** Why an import is forbidden, or nothing. */
function forbidden(i: Import): string | undefined {
  const row = table.find((r) => i.file.startsWith(r.from));
  if (!row) {
    const never = Object.entries(apart).find(([from]) => i.file.startsWith(from))?.[1] ?? [];
    return never.some((folder) => i.to.startsWith(folder))
      ? `${at(i)}: it may import nothing of ${never.join(", ")}`
      : undefined;
  }
  const ok = isOurs(i.to) ? row.may.some((pattern) => under(i.to, pattern)) : (row.packages ?? []).includes(i.to);
  return ok ? undefined : `${at(i)}: ${row.from} may import only ${[...row.may, ...(row.packages ?? [])].join(", ")}`;
}

test("imports run downward only, and the core has no dependencies", () => {
  assert.equal(
    sources
      .flatMap((f) => importsOf(f))
      .map(forbidden)
      .filter((why) => why !== undefined),
    [],
  );
});

/** What a file imports to run: no types, which are gone by then. Relative ones as paths from the root. */
export function valueImportsOf(file: string, text = readFileSync(file, "utf8")): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/(^|\s)\/\/.*$/gm, "$1");
  const found = code.matchAll(
    /\b(?:import|export)\s+(type\s+)?([^"'`;()=]*?)\bfrom\s*["']([^"'\n]+)["']|\bimport\s*["']([^"'\n]+)["']/g,
  );
  return [...found].flatMap(([, type, names = "", from = "", bare]) => {
    const listed = /^\{([^}]*)\}\s*$/.exec(names.trim())?.[1];
    const onlyTypes = listed?.split(",").every((n) => n.trim() === "" || n.trim().startsWith("type ")) ?? false;
    const to = bare ?? from;
    return type || onlyTypes || !to.startsWith(".") ? [] : [posix.join(posix.dirname(file), to)];
  });
}

/** The shortest circle of value imports through each file that is on one, each circle once. */
function circles(importsBy: ReadonlyMap<string, readonly string[]>): string[] {
  const found = new Map<string, string>();
  for (const start of importsBy.keys()) {
    const before = new Map<string, string>();
    const queue = [start];
    for (const file of queue) {
      for (const to of importsBy.get(file) ?? []) {
        if (before.has(to)) continue;
        before.set(to, file);
        queue.push(to);
      }
    }
    if (!before.has(start)) continue;
    const circle = [start];
    for (let file = before.get(start); file !== undefined && file !== start; file = before.get(file)) circle.push(file);
    found.set([...circle].sort().join(), [start, ...circle.slice(1).reverse(), start].join(" → "));
  }
  return [...found.values()];
}

test("no file needs itself: there is no circle of imports but of types", () => {
  assert.equal(circles(new Map(product.map((f) => [f, valueImportsOf(f)]))), []);
});

test("a circle of imports is found, and types make none", () => {
  const text =
    'import type { A } from "./a.ts";\nimport { type B, type C } from "./b.ts";\nimport { type D, d } from "./d.ts";';
  assert.equal(valueImportsOf("engine/x.ts", text), ["engine/d.ts"]);
  const more = 'export * from "./e.ts";\nimport "./f.ts";\nexport type { G } from "./g.ts";\nimport h from "./h.ts";';
  assert.equal(valueImportsOf("engine/x.ts", more), ["engine/e.ts", "engine/f.ts", "engine/h.ts"]);
  const imports = { a: ["b"], b: ["c"], c: ["a", "d"], d: [] };
  assert.equal(circles(new Map(Object.entries(imports))), ["c → a → b → c"]);
});

test("only the edges import node: or webgpu, and only node/gpu/open.ts the latter but for tests and benches", () => {
  const wrong = product
    .flatMap((f) => importsOf(f))
    .filter((i) => i.to.startsWith("node:") || i.to === "webgpu")
    .concat(
      sources
        .filter((f) => /^(node|cli|web)\//.test(f) && f !== "node/gpu/open.ts")
        .flatMap((f) => importsOf(f))
        .filter((i) => i.to === "webgpu"),
    )
    .concat(
      sources
        .filter((f) => f.startsWith("web/"))
        .flatMap((f) => importsOf(f))
        .filter((i) => i.to.startsWith("node:")),
    );
  assert.equal(wrong.map(at), []);
});

test("product files use no global of Node's or of the page", () => {
  const node = String.raw`process\.|Buffer\b|__dirname|require\(`;
  const page = String.raw`document\.|window\.(?:document|location|navigator)|localStorage`;
  const globals = new RegExp(String.raw`(?<![\w.#])(${node}|${page})`);
  const wrong = product.flatMap((f) =>
    readFileSync(f, "utf8")
      .split("\n")
      .flatMap((line, i) => {
        const code = line.replace(/\/\/.*$|^\s*\*.*$|\/\*.*?\*\//g, "").replace(/"[^"]*"|`[^`]*`/g, "");
        return globals.test(code) ? [`${f}:${i + 1} ${line.trim()}`] : [];
      }),
  );
  assert.equal(wrong, []);
});

test("tests that run in a page import no node: module", () => {
  const isomorphic = sources.filter(
    (f) =>
      /^test\/(kernels|engine|models|losses)\//.test(f) ||
      /^test\/helpers\/(close|dot|environment|random-shapes|records|refused|run-op|slope)\.ts$/.test(f) ||
      f === "test/run.ts",
  );
  assert.equal(
    isomorphic
      .flatMap((f) => importsOf(f))
      .filter((i) => /^node:|^webgpu$|^(node|cli)\//.test(i.to))
      .map(at),
    [],
  );
});

test("what is imported from npm is installed by npm ci", () => {
  const manifest = (file: string): Record<string, Record<string, string>> => JSON.parse(readFileSync(file, "utf8"));
  const { devDependencies = {} } = manifest("package.json");
  // The engines that benches measure beside ours, and what an example shows cmedl with, are installed for that alone.
  const apart = ["bench/peers", "examples/queue"].map((folder) => ({
    folder: `${folder}/`,
    packages: manifest(`${folder}/package.json`).dependencies ?? {},
  }));
  const wrong = sources
    .flatMap((f) => importsOf(f))
    .filter((i) => !i.to.startsWith("node:") && !isOurs(i.to) && i.to !== "package.json")
    // Examples and typed tests import the package itself, as its users do; its command runs the other package.
    .filter((i) => !(/^(examples|test)\//.test(i.file) && /^cmedl(\/|$)/.test(i.to)))
    // What no package can be called is a text or a pattern of a tool.
    .filter((i) => /^(@[\w.-]+\/)?[\w.-]+(\/[\w./-]+)?$/.test(i.to))
    .filter((i) => !(i.file === "cli/cmedl.mjs" && i.to === "@cmedl/cli"))
    .filter(
      (i) =>
        !(packageOf(i.to) in devDependencies) &&
        !apart.some(({ folder, packages }) => i.file.startsWith(folder) && packageOf(i.to) in packages),
    );
  assert.equal(wrong.map(at), []);
});

test("a file holds one idea: its size is within the caps that CONTRIBUTING.md tells", () => {
  const caps = /(\d+) lines and (\d+) kB a TypeScript file, (\d+) lines a kernel, (\d+) an example/;
  const [lines, kilobytes, kernelLines, exampleLines] = (
    caps.exec(readFileSync("CONTRIBUTING.md", "utf8").replace(/\s+/g, " "))?.slice(1) ?? []
  ).map(Number);
  assert.ok(lines && kilobytes && kernelLines && exampleLines, "CONTRIBUTING.md tells no caps");
  const tooLong = (file: string): boolean => {
    const text = readFileSync(file, "utf8");
    const count = text.split("\n").length - 1;
    if (file.endsWith(".wgsl")) return count > kernelLines;
    if (file.startsWith("examples/")) return count > exampleLines;
    return count > lines || Buffer.byteLength(text) > 1000 * kilobytes;
  };
  const wgsl = filesBelow("kernels").filter((f) => f.endsWith(".wgsl"));
  const edge = sources.filter((f) => /^(node|cli|web|examples)\//.test(f));
  assert.equal([...product, ...edge, ...wgsl].filter(tooLong), []);
});

test("the reader of imports sees every form, and none in comments", () => {
  const text =
    `import a from "./a.ts";\nimport type { B } from "../kernels/b.ts";\nexport * from './c.ts';\n` +
    `import "./d.ts";\n// import "./no.ts"\n/* import "./no.ts" */\nconst e = await import("webgpu");\n` +
    `import {\n  f,\n} from "node:fs";\nconst said = "imported from elsewhere";\n`;
  assert.equal(
    importsOf("engine/x.ts", text).map((i) => `${i.line} ${i.to}`),
    ["1 engine/a.ts", "2 kernels/b.ts", "3 engine/c.ts", "4 engine/d.ts", "7 webgpu", "10 node:fs"],
  );
});

test("a forbidden import is found", () => {
  const why = (file: string, to: string): boolean => forbidden({ file, line: 1, to }) !== undefined;
  assert.ok(why("kernels/x.ts", "engine/op.ts"));
  assert.ok(why("engine/tensor.ts", "engine/gpu/gpu.ts"));
  assert.ok(why("engine/ops/conv.ts", "engine/plan/plan.ts"));
  assert.ok(why("engine/ops/conv.ts", "engine/gradients/convolution.ts"));
  assert.ok(why("engine/run/compilation.ts", "engine/gradients/index.ts"));
  assert.ok(why("models/unet.ts", "engine/tensor.ts"));
  assert.ok(why("models/unet.ts", "losses/hint.ts"));
  assert.ok(why("losses/hint.ts", "lodash"));
  assert.ok(why("data/volume.ts", "engine/index.ts"));
  assert.ok(why("train/loop.ts", "node:fs"));
  assert.ok(why("web/page.ts", "node/gpu/open.ts"));
  assert.ok(why("node/run/train.ts", "cli/main.ts"));
  assert.not.ok(why("engine/ops/conv.ts", "kernels/conv2d/conv2d.ts"));
  assert.ok(why("inference/segmenter.ts", "train/loop.ts"));
  assert.not.ok(why("train/loop.ts", "models/unet.ts"));
});

test("every room of the product has a row here, is built, and is type-checked", () => {
  const named = new Set([...table.map(({ from }) => from), ...edges].map((path) => path.split("/")[0]!));
  const { include } = JSON.parse(readFileSync("tsconfig.json", "utf8")) as { include: string[] };
  for (const room of ROOMS) {
    assert.ok(named.has(room), room);
    assert.ok(include.includes(room), `tsconfig.json: ${room}`);
  }
  for (const { from } of table) assert.ok(ROOMS.includes(from.split("/")[0]!), `tools/rooms.mjs: ${from}`);
});

test.run();
