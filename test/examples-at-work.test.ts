// The examples of pages and of a server, at work: in Chromium under the policy that each names, and over HTTP.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { build } from "esbuild";
import { decode } from "fast-png";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNifti, writePth } from "../data/index.ts";
import { Device } from "../engine/index.ts";
import { loadModel, segmentVolume } from "../inference/index.ts";
import { toStateDict } from "../models/index.ts";
import { openNodeGpu } from "../node/gpu/open.ts";
import { chromium, inPage } from "./helpers/in-page.ts";
import { type TinySegmentation, tinySegmentation } from "./helpers/tiny-segmentation.ts";

const test = suite("examples at work");

const SIZE = 32;
let folder = "";
const browser = await chromium();
/** A test that needs a browser: skipped, and counted as such, where there is none. */
const testInPage = browser ? test : test.skip;
let tiny: TinySegmentation;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-examples-"));
  tiny = await tinySegmentation(SIZE);
});
test.after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The voxels that Node finds. */
async function voxelsInNode(): Promise<number> {
  using device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
  const mask = await segmentVolume(device, loadModel(tiny.model), parseNifti(tiny.scan, "scan"));
  return mask.filter(Boolean).length;
}

/** The page of an example under a policy; its entries are bundled, and a model and a scan lie beside it. */
async function inExample(
  name: string,
  entries: readonly string[],
  policy: string,
  use: Parameters<typeof inPage>[3],
): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: entries.map((file) => `examples/${name}/${file}`),
    bundle: true,
    minify: true,
    format: entries[0] === "app.ts" ? "iife" : "esm",
    platform: "browser",
    loader: { ".wgsl": "text" },
    outdir: folder,
    write: false,
  });
  const files = new Map<string, Uint8Array>([
    ["/index.html", await readFile(`examples/${name}/index.html`)],
    ["/model.safetensors", tiny.model],
    ["/image.nii.gz", tiny.scan],
    ...outputFiles.map(({ path, contents }) => [path.slice(folder.length), contents] as const),
  ]);
  await inPage(browser, (path) => files.get(path), policy, use);
}

testInPage("script-tag segments by one script, under a policy that allows itself and its two files alone", async () => {
  const policy = "default-src 'none'; script-src 'self'; connect-src 'self'";
  await inExample("script-tag", ["app.ts"], policy, async (page, text) => {
    const said = await text(/voxels of|not|GPU/);
    assert.match(said, /^\d+ voxels of tumour$/);
    const found = Number.parseInt(said, 10);
    const want = await voxelsInNode();
    assert.ok(Math.abs(found - want) <= 0.002 * SIZE ** 2 * 16, `${found} voxels, ${want} in Node`);
    assert.is(await page.locator("#picture").getAttribute("width"), `${SIZE}`);
  });
});

testInPage("overlay shows a mask over its scan in NiiVue", async () => {
  const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'";
  await inExample("overlay", ["page.ts"], policy, async (page, text) => {
    const viewer = page.locator("#viewer");
    const found = Number.parseInt(await text(/voxels of|not|GPU|WebGL/), 10);
    assert.ok(Math.abs(found - (await voxelsInNode())) <= 0.002 * SIZE ** 2 * 16, `${found} voxels`);
    const picture = await viewer.screenshot({ path: process.env.CMEDL_SCREENSHOT });
    const { data, channels } = decode(picture);
    let [red, grey] = [0, 0];
    for (let i = 0; i < data.length; i += channels) {
      const [r = 0, g = 0, b = 0] = data.subarray(i, i + 3);
      if (r > g + 40 && r > b + 40) red++;
      else if (r > 40 && r === g && g === b) grey++;
    }
    assert.ok(red > 2000, `${red} pixels of the mask are drawn`);
    assert.ok(grey > 10_000, `${grey} pixels of the scan alone are drawn`);
  });
});

testInPage("in-a-worker segments beside its page", async () => {
  const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
  await inExample("in-a-worker", ["main.ts", "worker.ts"], policy, async (_, text) => {
    assert.match(await text(/voxels|abort|not/i), /^\d+ voxels$/);
  });
});

testInPage("in-a-worker stops when it is told to, by the reason of the page's own signal", async () => {
  const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
  await inExample("in-a-worker", ["main.ts", "worker.ts"], policy, async (page, text) => {
    await page.locator("#stop").click(); // long before the model is compiled
    assert.match(await text(/abort|voxels/i), /abort/i);
  });
});

testInPage("fine-tune trains a PyTorch U-Net in a page that may fetch nothing, and gives its model", async () => {
  const pth = writePth(toStateDict(tiny.network, (v) => v.initialData()));
  const policy = "default-src 'none'; script-src 'self'";
  await inExample("fine-tune", ["page.ts"], policy, async (page, text) => {
    await page.locator("#weights").setInputFiles({ name: "unet.pth", mimeType: "", buffer: Buffer.from(pth) });
    await text(/^(?!loss|…)|→ [\d.]+$/);
    await page
      .locator("#saved")
      .waitFor({ timeout: 60_000 })
      .catch(async () => assert.unreachable(await text(/./)));
    const [, first = "", last = ""] = /^loss (\S+) → (\S+)$/.exec(await text(/./)) ?? [];
    assert.ok(Number(last) < Number(first), `loss ${first} → ${last}`);
    const download = page.waitForEvent("download");
    await page.locator("#saved").click();
    const tuned = loadModel(new Uint8Array(await readFile((await (await download).path()) as string)));
    assert.is(tuned.network, "unet");
  });
});

test("server segments an upload, and refuses what is too large or no image", async () => {
  await writeFile(join(folder, "model.safetensors"), tiny.model);
  const { server, url } = await started(join(folder, "model.safetensors"), { MOST_BYTES: "200000" });
  try {
    const send = (body: Uint8Array | ReadableStream): Promise<Response> =>
      fetch(url, { method: "POST", body, duplex: "half" } as RequestInit);
    const done = await send(tiny.scan);
    assert.is(done.status, 200);
    const mask = parseNifti(new Uint8Array(await done.arrayBuffer()), "mask.nii.gz");
    assert.is([...mask.data].filter(Boolean).length, await voxelsInNode());
    const bad = await send(new Uint8Array(500));
    assert.is(bad.status, 422);
    assert.is(((await bad.json()) as { code: string }).code, "data");
    assert.is((await send(new Uint8Array(200_001))).status, 413);
    // Without a length, the stream is cut where it is too long.
    let sent = 0;
    const long = new ReadableStream({
      // A timer between chunks: microtasks alone would leave the answer no time.
      pull: async (controller) => {
        await setTimeout(5);
        if (sent++ < 32) controller.enqueue(new Uint8Array(65536));
        else controller.close();
      },
    });
    const cut = await send(long).then(
      ({ status }) => status,
      () => "closed",
    );
    assert.ok(cut === 413 || cut === "closed", `${cut}`);
    assert.is((await fetch(url)).status, 405);
    assert.is((await send(tiny.scan)).status, 200);
  } finally {
    server.kill();
  }
});

/** The server's process, once it says where it is. */
function started(file: string, env: Record<string, string>): Promise<{ server: ChildProcess; url: string }> {
  const args = ["tools/run.mjs", "examples/server.ts", file];
  const server = spawn(process.execPath, args, { env: { ...process.env, PORT: "0", ...env } });
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      const url = /(http:\S+)/.exec(said)?.[1];
      if (url) resolve({ server, url });
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    server.on("exit", (code, signal) => reject(new Error(`the server ended by ${code ?? signal}: ${said}`)));
  });
}

test.run();
