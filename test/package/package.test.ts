// The library as its users have it: what it exports is there and typed, its README runs, it works without
// Symbol.dispose.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { build } from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { installed, removed, run } from "./install.ts";

const test = suite("the package");

let project = "";
test.before(async () => {
  // SwiftShader, for machines without a Vulkan driver, is @sparticuz/chromium's.
  const beside = ["webgpu", "@sparticuz/chromium", "@webgpu/types", "@types/node", "undici-types"];
  project = await installed({ beside });
});
test.after(() => removed(project));

const packed = (): string[] =>
  readdirSync(join(project, "node_modules/cmedl/dist"), { recursive: true, encoding: "utf8" });
const textOf = (file: string): string => readFileSync(join(project, "node_modules/cmedl/dist", file), "utf8");
const { exports: exported, sideEffects } = JSON.parse(readFileSync("package.json", "utf8")) as {
  exports: Record<string, string | Record<string, string>>;
  sideEffects: readonly string[];
};
/** What a user imports: "cmedl", "cmedl/models", … */
const entries = Object.keys(exported)
  .filter((e) => e !== "./package.json")
  .map((e) => JSON.stringify(`cmedl${e.slice(1)}`));

/** What a module prints that stands in the project. */
async function printed(code: string, flags: readonly string[] = []): Promise<string> {
  writeFileSync(join(project, "main.mjs"), code);
  return (await run(process.execPath, [...flags, "main.mjs"], { cwd: project })).stdout;
}

test("what package.json names is packed", () => {
  const files = new Set(packed().map((f) => `./dist/${f.replaceAll("\\", "/")}`));
  for (const paths of Object.values(exported))
    for (const path of Object.values(typeof paths === "string" ? {} : paths)) assert.ok(files.has(path), path);
  for (const path of sideEffects) assert.ok(files.has(path), path);
});

test("a source map names nothing that is not packed", () => {
  for (const file of packed()) {
    if (/\.js$/.test(file)) {
      const map = /^\/\/# sourceMappingURL=(.+)$/m.exec(textOf(file))?.[1];
      if (map) assert.ok(packed().includes(join(dirname(file), map)), `${file} names ${map}`);
    }
    if (!file.endsWith(".map")) continue;
    const { sources, sourcesContent } = JSON.parse(textOf(file)) as { sources: string[]; sourcesContent?: string[] };
    const here = sources.every((s, i) => sourcesContent?.[i] || packed().includes(join(dirname(file), s)));
    assert.ok(here, `${file} names sources that are not there`);
  }
});

test("README's complete examples run as they are printed", async () => {
  const blocks = [
    ...readFileSync("README.md", "utf8").matchAll(/^```(?:js|ts|javascript|typescript)\n([\s\S]*?)^```/gm),
  ];
  const complete = blocks.map(([, code = ""]) => code).filter((code) => /^import /m.test(code));
  assert.ok(complete.length > 0, "README.md has no example");
  for (const code of complete) {
    const [, slope, height] = /slope (\S+), height (\S+)/.exec(await printed(code)) ?? [];
    assert.ok(Math.abs(Number(slope) - 2) < 0.01 && Math.abs(Number(height) - 1) < 0.01, `${slope}, ${height}`);
  }
});

/** Takes Symbol.dispose and Symbol.asyncDispose away, as they are missing in Safari 18 and Firefox 140. */
const WITHOUT_DISPOSE = `
  const own = Symbol;
  const names = Object.getOwnPropertyNames(own).filter((n) => !/^(dispose|asyncDispose|length|name)$/.test(n));
  globalThis.Symbol = Object.assign(function Symbol(text) { return own(text); }, {});
  for (const n of names) Object.defineProperty(globalThis.Symbol, n, Object.getOwnPropertyDescriptor(own, n));
  if (globalThis.Symbol.dispose !== undefined) throw new Error("Symbol.dispose is still there");
`;
const USES = `
  const device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
  const v = new Variable([2], [1, 2]);
  const y = await device.evaluate(mul(v.value, 2));
  const program = await device.compile(({ x }) => ({ y: mul(x, v.value) }), { x: [2] });
  program.run({ x: [3, 4] });
  const { y: z } = await program.read();
  const named = typeof program[globalThis.Symbol.for("Symbol.dispose")] + typeof device[globalThis.Symbol.for("Symbol.dispose")];
  const stray = "undefined" in program || "undefined" in device;
  program.dispose();
  device.dispose();
  console.log([...y, ...z, named, stray, device.counters.buffers].join());
`;

test("everything works where Symbol.dispose is missing", async () => {
  const imports = (engine: string, node: string): string =>
    `const { Device, Variable, mul } = await import(${engine});\nconst { openNodeGpu } = await import(${node});`;
  writeFileSync(join(project, "without.mjs"), WITHOUT_DISPOSE);
  const flags = ["--import", "./without.mjs"];
  const want = "2,4,3,8,functionfunction,false,0\n";
  assert.is(await printed(`${imports('"cmedl"', '"cmedl/node"')}${USES}`, flags), want);
  const sources = await build({
    stdin: {
      contents:
        'import { Device, Variable, mul } from "./engine/index.ts"; import { openNodeGpu } from "./node/index.ts";' +
        USES,
      resolveDir: process.cwd(),
      loader: "ts",
    },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    loader: { ".wgsl": "text" },
    write: false,
  });
  assert.is(await printed(sources.outputFiles[0]!.text, flags), want);
});

test("its types are whole for every compiler that is installed, without skipLibCheck", async () => {
  const imports = entries.map((e, i) => `import * as m${i} from ${e};\nvoid m${i};`);
  const use = `
    import { Device, Variable, add, mean } from "cmedl";
    import { UNet } from "cmedl/models";
    import { Adam } from "cmedl/train";
    export async function train(gpu: GPU): Promise<number> {
      const device = await Device.open(gpu);
      const [v, net] = [new Variable([1], [1]), new UNet({ width: 2 })];
      const adam = new Adam([v], { rate: 1 });
      const program = await device.compile(({ x }) => {
        const loss = mean(add(net.forward(x).logits, v.value));
        adam.minimize(loss);
        return { loss };
      }, { x: [1, 16, 16, 1] });
      const { loss } = await program.read();
      return loss[0] ?? 0;
    }`;
  writeFileSync(join(project, "use.ts"), [...imports, use].join("\n"));
  const compilers = readdirSync("node_modules").filter((name) => /^typescript(-\d+)?$/.test(name));
  for (const compiler of compilers) {
    for (const [module, moduleResolution] of [
      ["esnext", "bundler"],
      ["node16", "node16"],
    ]) {
      const compilerOptions = {
        target: "ES2022",
        lib: ["ES2022", "DOM", "DOM.Iterable"],
        types: ["node"],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
        module,
        moduleResolution,
      };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
      const tsc = resolve("node_modules", compiler, "bin/tsc");
      const { stdout } = await run(process.execPath, [tsc, "-p", "."], { cwd: project }).catch((error) => error);
      assert.is(stdout, "", `${compiler}, ${moduleResolution}`);
    }
  }
});

test.run();
