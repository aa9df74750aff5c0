// What the docs point to is there: relative links, headings they name, and paths of the repository in backticks.
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { posix } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("docs: links");

const skipped = ["node_modules", ".git", "dist", "runs", "shared", "coverage"];

function pagesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return skipped.includes(entry.name) || path === "docs/api" ? [] : pagesBelow(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const pages = pagesBelow(".").map((path) => ({ path, text: readFileSync(path, "utf8") }));
const rooms = readdirSync(".").filter((name) => statSync(name).isDirectory() && !skipped.includes(name));

/** Anchor of a heading, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .replace(/[`*]/g, "")
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** Targets of `[text](target)` outside code blocks, less those of other sites. */
const linksOf = (text: string): string[] =>
  [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** Why a link of a page leads nowhere, or nothing. */
function broken(page: string, target: string): string | undefined {
  const [path = "", anchor] = target.split("#");
  const file = path === "" ? page : posix.join(posix.dirname(page), decodeURI(path));
  if (file.startsWith("..")) return `${page}: ${target} leads out of the repository`;
  if (!existsSync(file)) return `${page}: ${target} is not there`;
  // typedoc copies what README.md points to into the reference, and refuses folders.
  if (page === "README.md" && !statSync(file).isFile()) return `${page}: ${target} is a folder, which no page can show`;
  if (anchor === undefined) return undefined;
  return anchorsOf(readFileSync(file, "utf8")).includes(anchor) ? undefined : `${page}: ${target} is no heading`;
}

/** Paths in backticks, like `engine/run/device.ts`: from a folder of the repository to a file. */
const pathsOf = (text: string): string[] =>
  [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+\.(?:ts|mjs|wgsl|md|json|py|html))`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => rooms.includes(path.split("/")[0] ?? ""));

test("every relative link leads to a file, and to a heading where it names one", () => {
  assert.equal(
    pages.flatMap(({ path, text }) => linksOf(text).map((target) => broken(path, target))).filter((why) => why),
    [],
  );
});

test("every path in backticks is a file of the repository", () => {
  const wrong = pages.flatMap(({ path, text }) =>
    pathsOf(text)
      .filter((file) => !existsSync(file))
      .map((file) => `${path}: ${file} is not there`),
  );
  assert.equal(wrong, []);
});

test("each decision is numbered in turn and listed", () => {
  const files = readdirSync("docs/decisions").filter((name) => name !== "README.md");
  const list = readFileSync("docs/decisions/README.md", "utf8");
  files.forEach((name, i) => {
    assert.ok(name.startsWith(`${String(i + 1).padStart(4, "0")}-`), `${name} is out of turn`);
    assert.ok(list.includes(`(${name})`), `${name} is not listed`);
  });
});

test("a broken link, heading and path are found", () => {
  assert.ok(broken("docs/a.md", "nowhere.md"));
  assert.ok(broken("docs/a.md", "../README.md#no-such-heading"));
  assert.ok(broken("README.md", "docs"));
  assert.is(broken("docs/a.md", "how-to"), undefined);
  assert.is(broken("docs/a.md", "../README.md"), undefined);
  assert.equal(linksOf("[a](b.md) [c](https://d.e)\n```\n[f](g.md)\n```\n"), ["b.md"]);
  assert.equal(pathsOf("`engine/x.ts` and `runs/first/config.yaml` and `cmedl/train`"), ["engine/x.ts"]);
});

test.run();
