// The library in projects of others: installed alone, it segments in Node on a GPU that the caller opened, in a page
// without a bundler, and in a page and a worker that Vite built, each under a strict Content-Security-Policy.
import { cpSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { chromium, inPage } from "../helpers/in-page.ts";
import { type TinySegmentation, tinySegmentation } from "../helpers/tiny-segmentation.ts";
import { environmentForDawn, installed, removed, run } from "./install.ts";

const test = suite("installs");

const SIZE = 32;
const browser = await chromium();
const testInPage = browser ? test : test.skip;
let project = "";
let tiny: TinySegmentation;
/** Voxels that Node finds: a page's may differ where a value stands on the threshold. */
let voxels = 0;
test.before(async () => {
  project = await installed();
  tiny = await tinySegmentation(SIZE);
  writeFileSync(join(project, "model.safetensors"), tiny.model);
  writeFileSync(join(project, "image.nii.gz"), tiny.scan);
});
test.after(async () => {
  await browser?.close();
  removed(project);
});

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile());
const near = (said: string): void => {
  const found = Number.parseInt(said, 10);
  assert.ok(Math.abs(found - voxels) <= 0.002 * SIZE ** 2 * 16, `${said}, ${voxels} in Node`);
};

test("npm install cmedl brings one package of less than 3 MB", () => {
  const modules = join(project, "node_modules");
  assert.equal(
    readdirSync(modules).filter((name) => !name.startsWith(".")),
    ["cmedl"],
  );
  const bytes = filesBelow(modules).reduce((sum, file) => sum + statSync(file).size, 0);
  console.log(`  npm install cmedl: ${bytes} bytes`);
  assert.ok(bytes < 3_000_000, `${bytes} bytes`);
  const [, told] = /`npm install cmedl` brings one package of (\S+) MB/.exec(readFileSync("README.md", "utf8")) ?? [];
  assert.ok(Math.abs(bytes / 1e6 - Number(told)) <= 0.1, `README says ${told} MB, it is ${bytes} bytes`);
});

test("a volume is segmented in Node on a GPU that the caller opened", async () => {
  const code = `
    import { readFileSync } from "node:fs";
    import { Device } from "cmedl";
    import { parseNifti } from "cmedl/data";
    import { loadModel, segmentVolume } from "cmedl/inference";
    import { create, globals } from ${JSON.stringify(resolve("node_modules/webgpu/index.js"))};

    Object.assign(globalThis, globals);
    const gpu = create([]);
    const adapter = await gpu.requestAdapter();
    const own = await adapter.requestDevice();
    const device = await Device.open(own);
    const model = loadModel(readFileSync("model.safetensors"), "model.safetensors");
    const mask = await segmentVolume(device, model, parseNifti(readFileSync("image.nii.gz"), "image.nii.gz"));
    device.dispose();
    console.log(mask.filter(Boolean).length, own.createBuffer({ size: 4, usage: 8 }).size);
    process.exit(0);
  `;
  writeFileSync(join(project, "segment.mjs"), code);
  const { stdout } = await run(process.execPath, ["segment.mjs"], { cwd: project, env: await environmentForDawn() });
  const [, found, size] = /^(\d+) (\d+)\n$/.exec(stdout) ?? [];
  voxels = Number(found);
  assert.ok(voxels > 1000 && voxels < 0.5 * SIZE ** 2 * 16, stdout);
  assert.is(size, "4", "the caller's device is still there");
});

testInPage("a page without a bundler segments files under default-src 'none'; script-src 'self'", async () => {
  const page = `<!doctype html><meta charset="utf-8"><title>No bundler</title>
    <input type="file" id="files" multiple><p id="said">…</p><script type="module" src="app.js"></script>`;
  const app = `
    import { Device } from "./node_modules/cmedl/dist/engine/index.js";
    import { parseNifti } from "./node_modules/cmedl/dist/data/index.js";
    import { loadModel, segmentVolume } from "./node_modules/cmedl/dist/inference/index.js";

    const said = document.querySelector("#said");
    document.querySelector("#files").addEventListener("change", async ({ target }) => {
      try {
        const [model, scan] = await Promise.all([...target.files].map(async (f) => new Uint8Array(await f.arrayBuffer())));
        const device = await Device.open(navigator.gpu);
        const mask = await segmentVolume(device, loadModel(model, "model"), parseNifti(scan, "scan.nii.gz"));
        said.textContent = mask.filter(Boolean).length + " voxels";
      } catch (error) {
        said.textContent = "not segmented: " + error.message;
      }
    });
    said.textContent = "ready";
  `;
  const pages = new Map([
    ["/index.html", page],
    ["/app.js", app],
  ]);
  const served = (path: string): Uint8Array | undefined => {
    const text = pages.get(path);
    if (text !== undefined) return new TextEncoder().encode(text);
    return path.startsWith("/node_modules/") && !path.includes("..") ? readFileSync(join(project, path)) : undefined;
  };
  await inPage(browser, served, "default-src 'none'; script-src 'self'", async (page, text) => {
    await text(/ready/);
    await page.locator("#files").setInputFiles([
      { name: "model.safetensors", mimeType: "", buffer: Buffer.from(tiny.model) },
      { name: "image.nii.gz", mimeType: "", buffer: Buffer.from(tiny.scan) },
    ]);
    near(await text(/voxels|not/));
  });
});

testInPage("a page without a bundler is told which package is missing", async () => {
  const app = `
    import { importFailure } from "./node_modules/cmedl/dist/errors/package-missing.js";

    const said = document.querySelector("#said");
    import("dcmjs").catch((error) => {
      const { code, message } = importFailure(error, "writing DICOM", ["dcmjs"]);
      said.textContent = [code, message].join(" ");
    });
  `;
  const served = (path: string): Uint8Array | string | undefined => {
    if (path === "/index.html") return '<!doctype html><p id="said">…</p><script type="module" src="app.js"></script>';
    if (path === "/app.js") return app;
    return path.startsWith("/node_modules/cmedl/dist/") ? readFileSync(join(project, path)) : undefined;
  };
  await inPage(browser, served, "default-src 'none'; script-src 'self'", async (_, text) => {
    assert.is(await text(/dcmjs/), "package-missing writing DICOM needs what is not installed: npm install dcmjs");
  });
});

testInPage("Vite builds a page whose worker segments", async () => {
  const app = join(project, "vite-app");
  mkdirSync(join(app, "public"), { recursive: true });
  cpSync("examples/in-a-worker", app, { recursive: true });
  // Vite takes sources by their own names.
  for (const [file, built, source] of [
    ["index.html", "main.js", "main.ts"],
    ["main.ts", "./worker.js", "./worker.ts"],
  ] as const)
    writeFileSync(join(app, file), readFileSync(join(app, file), "utf8").replace(`"${built}"`, `"${source}"`));
  for (const file of ["model.safetensors", "image.nii.gz"]) cpSync(join(project, file), join(app, "public", file));
  const built = await run(process.execPath, [resolve("node_modules/vite/bin/vite.js"), "build", app]).catch((e) => e);
  assert.is(built.code, undefined, `${built.stdout}${built.stderr}`);
  const served = (path: string): Uint8Array | undefined => {
    const file = join(app, "dist", path);
    return filesBelow(join(app, "dist")).includes(file) ? readFileSync(file) : undefined;
  };
  const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
  await inPage(browser, served, policy, async (_, text) => near(await text(/voxels|not|abort/i)));
});

test.run();
