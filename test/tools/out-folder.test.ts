// Where builds are written: nothing that another wrote is removed, and the command line says what is wrong with it.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("folders of builds");

let folder = "";
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "cmedl-out-"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

const write = (file: string, text: string): string => {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
  return join(folder, file);
};
const read = (file: string): string => readFileSync(join(folder, file), "utf8");
const run = (...args: string[]): Promise<{ code?: number; stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, args).catch((error) => error);

test("the studio is not built over others' files", async () => {
  for (const file of ["index.html", "main.js", "style.css", "deep/notes.txt"]) {
    const kept = write(`site/${file}`, "mine");
    const { code, stderr } = await run("tools/web.mjs", "--out", join(folder, "site"));
    assert.is(code, 1);
    assert.is(
      stderr,
      `web: ${folder}/site holds files, and none of them is a build of the studio: name an empty folder by --out\n`,
    );
    assert.is(readFileSync(kept, "utf8"), "mine");
    assert.equal(readdirSync(join(folder, "site")), [file.split("/")[0]]);
    rmSync(join(folder, "site"), { recursive: true });
  }
});

test("a studio in the place of an earlier one removes what that wrote, and no more", async () => {
  const out = join(folder, "a # of 100%?");
  assert.is((await run("tools/web.mjs", "--out", out)).code, undefined);
  const first = readdirSync(out, { recursive: true, encoding: "utf8" }).sort();
  assert.ok(
    ["index.html", "main.js", "worker.js", "style.css"].every((file) => first.includes(file)),
    `${first}`,
  );
  const list = read("a # of 100%?/.cmedl-studio");
  write("a # of 100%?/chunks/gone-ABC.js", "old");
  write("a # of 100%?/.cmedl-studio", `${list}chunks/gone-ABC.js\n`);
  write("a # of 100%?/CNAME", "mine");
  assert.is((await run("tools/web.mjs", "--out", out)).code, undefined);
  assert.equal(readdirSync(out, { recursive: true, encoding: "utf8" }).sort(), [...first, "CNAME"].sort());
  assert.is(read("a # of 100%?/.cmedl-studio"), list);
});

test("--serve takes a port or none, and other words are refused before anything is built", async () => {
  const out = join(folder, "served");
  for (const [args, wrong] of [
    [["--serve", "http", "--out", out], 'the port is "http"; it must be a whole number up to 65535'],
    [["--serve", "70000", "--out", out], 'the port is "70000"; it must be a whole number up to 65535'],
    [["8080", "--out", out], '"8080" says nothing here; the folder is named by --out, the port by --serve PORT'],
    [
      ["--serve", "1", "2", "--out", out],
      '"2" says nothing here; the folder is named by --out, the port by --serve PORT',
    ],
  ] as const) {
    const { code, stderr } = await run("tools/web.mjs", ...args);
    assert.is(code, 1);
    assert.is(stderr, `web: ${wrong}\n`);
  }
  assert.is((await run("tools/web.mjs", "--port", "1")).code, 1);
  assert.not.ok(existsSync(out));
  const served = spawn(process.execPath, ["tools/web.mjs", "--serve", "--out", out]);
  try {
    // Another may have port 8080: then that is what is said.
    const said = await new Promise<string>((resolve) => {
      let text = "";
      for (const stream of [served.stdout, served.stderr])
        stream.on("data", (chunk: Buffer) => {
          text += chunk.toString();
          if (/8080.*\n/.test(text)) resolve(text);
        });
      served.on("exit", () => resolve(text));
    });
    assert.match(said, /the studio is at http:\/\/127\.0\.0\.1:8080\/|EADDRINUSE.*:8080/);
  } finally {
    served.kill();
  }
});

test("the library is not built over others' files", async () => {
  for (const file of ["package.json", "engine/index.ts", "main.js", ".git/HEAD"]) {
    const kept = write(`library/${file}`, "mine");
    write("library/engine/index.js", "built");
    const { code, stderr } = await run("tools/build.mjs", "--out", join(folder, "library"));
    assert.is(code, 1);
    assert.match(stderr, `${folder}/library/${file} is no file of a build`);
    assert.is(readFileSync(kept, "utf8"), "mine");
    assert.is(read("library/engine/index.js"), "built");
    rmSync(join(folder, "library"), { recursive: true });
  }
  write("library/engine/gone.js", "old");
  write("library/engine/index.d.ts", "types");
  const built = await run("tools/build.mjs", "--out", join(folder, "library"));
  assert.is(built.code, undefined, built.stderr);
  assert.not.ok(existsSync(join(folder, "library/engine/gone.js")));
  assert.is(read("library/engine/index.d.ts"), "types", "a build without types keeps those of the one before");
  assert.ok(existsSync(join(folder, "library/engine/index.js")));
});

test.run();
