// The examples of pages and of a server, at work: in Chromium under the policy that each names, and over HTTP.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type Server, createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseNifti, phantomCase, writeNifti, writePth } from "../data/index.ts";
import { Device, RandomStreams } from "../engine/index.ts";
import { loadModel, networkModel, saveModel, segmentVolume } from "../inference/index.ts";
import { UNet, toStateDict } from "../models/index.ts";
import { openNodeGpu } from "../node/gpu/open.ts";
import { softTissueWindow } from "../data/intensity.ts";
import { launchChromium } from "../tools/chromium.mjs";

const test = suite("examples at work");

const SIZE = 32;
let folder = "";
let browser: Browser | undefined;
let model: Uint8Array<ArrayBuffer>;
let scan: Uint8Array<ArrayBuffer>;
let network: UNet;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-examples-"));
  network = new UNet({ width: 2, depth: 2 });
  network.initialize(new RandomStreams(3));
  const labels = [{ value: 1, name: "tumour" }];
  const images = { size: SIZE, fieldMm: 330, intensity: softTissueWindow, labels };
  model = await saveModel(networkModel({ network: "unet", module: network, ...images }));
  const volume = phantomCase({ modality: "CT", seed: 0, index: 0, size: SIZE }).image;
  scan = writeNifti(Int16Array.from(volume.data), volume);
  browser = await launchChromium().catch((error: Error) => {
    console.log(`SKIPPED the pages: ${error.message}`);
    return undefined;
  });
});
test.after(async () => {
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The voxels that Node finds. */
async function voxelsInNode(): Promise<number> {
  using device = await Device.open((await openNodeGpu({ quiet: true })).gpu);
  const mask = await segmentVolume(device, loadModel(model), parseNifti(scan, "scan"));
  return mask.filter(Boolean).length;
}

/** A page of an example under a policy, and what else went wrong in it; `use` has it until it resolves. */
async function inPage(
  name: string,
  entries: readonly string[],
  policy: string,
  use: (page: Page, text: (holds: RegExp) => Promise<string>) => Promise<void>,
): Promise<void> {
  if (!browser) return;
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
  const files = new Map<string, [type: string, body: Uint8Array]>([
    ["/", ["text/html", await readFile(`examples/${name}/index.html`)]],
    ["/model.safetensors", ["application/octet-stream", model]],
    ["/image.nii.gz", ["application/octet-stream", scan]],
  ]);
  for (const { path, contents } of outputFiles)
    files.set(`/${path.slice(folder.length + 1)}`, ["text/javascript", contents]);
  const server = createServer(({ url = "" }, response) => {
    const [type, body] = files.get(url) ?? ["text/plain", new Uint8Array()];
    response.writeHead(files.has(url) ? 200 : 404, { "content-type": type, "content-security-policy": policy });
    response.end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const page = await browser.newPage();
  const wrong: string[] = [];
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (m) => m.type() === "error" && !/favicon/.test(m.location().url) && wrong.push(m.text()));
  try {
    await page.goto(urlOf(server));
    const said = page.locator("#said");
    await use(page, async (holds) => {
      await said.filter({ hasText: holds }).waitFor({ timeout: 120_000 });
      return (await said.textContent()) ?? "";
    });
    assert.equal(wrong, []);
  } finally {
    await page.close();
    server.close();
    server.closeAllConnections();
  }
}
const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as { port: number }).port}/`;

test("script-tag segments by one script, under a policy that allows itself and its two files alone", async () => {
  const policy = "default-src 'none'; script-src 'self'; connect-src 'self'";
  await inPage("script-tag", ["app.ts"], policy, async (page, text) => {
    const said = await text(/voxels of|not|GPU/);
    assert.match(said, /^\d+ voxels of tumour$/);
    const found = Number.parseInt(said, 10);
    const want = await voxelsInNode();
    assert.ok(Math.abs(found - want) <= 0.002 * SIZE ** 2 * 16, `${found} voxels, ${want} in Node`);
    assert.is(await page.locator("#picture").getAttribute("width"), `${SIZE}`);
  });
});

test("in-a-worker segments beside its page", async () => {
  const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
  await inPage("in-a-worker", ["main.ts", "worker.ts"], policy, async (_, text) => {
    assert.match(await text(/voxels|abort|not/i), /^\d+ voxels$/);
  });
});

test("in-a-worker stops when it is told to, by the reason of the page's own signal", async () => {
  const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'";
  await inPage("in-a-worker", ["main.ts", "worker.ts"], policy, async (page, text) => {
    await page.locator("#stop").click(); // long before the model is compiled
    assert.match(await text(/abort|voxels/i), /abort/i);
  });
});

test("fine-tune trains a PyTorch U-Net in a page that may fetch nothing, and gives its model", async () => {
  const pth = writePth(toStateDict(network, (v) => v.initialData()));
  const policy = "default-src 'none'; script-src 'self'";
  await inPage("fine-tune", ["page.ts"], policy, async (page, text) => {
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
  await writeFile(join(folder, "model.safetensors"), model);
  const { server, url } = await started(join(folder, "model.safetensors"), { MOST_BYTES: "200000" });
  try {
    const send = (body: Uint8Array | ReadableStream): Promise<Response> =>
      fetch(url, { method: "POST", body, duplex: "half" } as RequestInit);
    const done = await send(scan);
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
    assert.is((await send(scan)).status, 200);
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
