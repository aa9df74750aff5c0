// Each equation of the paper is marked where it is implemented, once: `Eq. (n)` in a comment of models/, losses/ or
// train/.
import { readFileSync, readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOMS } from "../tools/rooms.mjs";

const test = suite("equations");

const sources = ROOMS.flatMap((folder) =>
  readdirSync(folder, { recursive: true }).map((f) => `${folder}/${String(f).replaceAll("\\", "/")}`),
)
  .filter((f) => /\.(ts|wgsl)$/.test(f))
  .sort();

/**
 * Files that mark each equation, once a mark. "Eq. (3), (4)" would mark the first only: each is to be marked by its
 * own.
 */
function marks(): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const file of sources) {
    for (const m of readFileSync(file, "utf8").matchAll(/\bEqs?\.\s*\((\d+)\)/g))
      found.set(Number(m[1]), [...(found.get(Number(m[1])) ?? []), file]);
  }
  return found;
}

test("each of Eq. (1) to (14) is marked exactly once, and no other", () => {
  const found = marks();
  const wrong = Array.from({ length: 14 }, (_, i) => i + 1)
    .filter((n) => found.get(n)?.length !== 1)
    .map((n) => `Eq. (${n}): ${found.get(n)?.join(", ") ?? "nowhere"}`);
  assert.equal(wrong, []);
  assert.equal(
    [...found.keys()].filter((n) => n < 1 || n > 14),
    [],
  );
});

test("docs/equations.md names each equation and the file that has it", () => {
  const text = readFileSync("docs/equations.md", "utf8");
  const wrong = [...marks()]
    .filter(([n, [file]]) => !new RegExp(`\\|\\s*\\(${n}\\)[^\\n]*${file.replace(/[.]/g, "\\.")}`).test(text))
    .map(([n, [file]]) => `(${n}) in ${file}`);
  assert.equal(wrong, []);
});

test.run();
