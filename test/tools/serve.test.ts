// What is served for pages: files by path, and no more.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { serve, serveFolder } from "../../tools/serve.mjs";

const test = suite("serving");

let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "cmedl-serve-"));
  await mkdir(join(folder, "site/a folder"), { recursive: true });
  await writeFile(join(folder, "outside.txt"), "outside");
  await writeFile(join(folder, "site/index.html"), "start");
  await writeFile(join(folder, "site/a folder/50%#.js"), "code");
});
test.after(() => rm(folder, { recursive: true, force: true }));

/** Status, type and text for a path as it is written: fetch would tidy it. */
const asked = (url: string, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port: new URL(url).port, path }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(`${response.statusCode} ${response.headers["content-type"]} ${text}`));
    }).on("error", reject);
  });

test("files below the folder are served by their names, others are not found", async () => {
  const { url, close } = await serveFolder(join(folder, "site"), 0);
  try {
    for (const [path, answer] of [
      ["/", "200 text/html start"],
      ["/index.html?again#top", "200 text/html start"],
      ["/a%20folder/50%25%23.js", "200 text/javascript code"],
      ["/none.js", "404 text/plain not found"],
      ["/a%20folder", "404 text/plain not found"],
      ["/%00", "404 text/plain not found"],
      ["/..%2foutside.txt", "404 text/plain not found"],
      ["/../outside.txt", "404 text/plain not found"],
      ["/%", "400 text/plain not a path"],
      ["//", "400 text/plain not a path"],
      ["/", "200 text/html start"],
    ] as const)
      assert.is(await asked(url, path), answer, path);
  } finally {
    close();
  }
});

test("what can't be read is told, and the server stays", async () => {
  const served = (path: string): string => {
    if (path === "/bad") throw new Error("no disk");
    return "";
  };
  const { url, close } = await serve(served, { headers: { "cache-control": "no-store" } });
  try {
    assert.is(await asked(url, "/bad"), "500 text/plain Error: no disk");
    const empty = await fetch(`${url}empty.css`);
    assert.is(empty.status, 200, "an empty file is one");
    assert.is(empty.headers.get("cache-control"), "no-store");
  } finally {
    close();
  }
});

test.run();
