// node tools/coverage.mjs FOLDER: how many lines of the product ran, from what Node wrote into FOLDER while
// NODE_V8_COVERAGE named it. A line counts if code comes of it; it ran if any of that code did, in any process.
import { readFileSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./bundle.mjs";
import { ROOMS } from "./rooms.mjs";

const [given] = process.argv.slice(2);
if (!given) {
  console.error("usage: node tools/coverage.mjs FOLDER");
  process.exit(2);
}

/** Of each source file, by line from 0: whether it ran. */
const linesOf = new Map();

for (const name of readdirSync(given).filter((file) => file.endsWith(".json"))) {
  const { result, "source-map-cache": maps = {} } = JSON.parse(readFileSync(join(given, name), "utf8"));
  for (const script of result) {
    const map = maps[script.url];
    if (map?.data && map.lineLengths) addScript(script, map);
  }
}

const all = { ran: 0, of: 0 };
const told = ROOMS.map((folder) => {
  const here = { ran: 0, of: 0 };
  for (const [file, lines] of linesOf) {
    if (!file.startsWith(`${folder}/`)) continue;
    for (const ran of lines.values()) {
      here.of++;
      if (ran) here.ran++;
    }
  }
  all.ran += here.ran;
  all.of += here.of;
  return `${folder} ${percent(here)}`;
});
const unseen = ROOMS.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((file) => `${folder}/${String(file).replaceAll(sep, "/")}`)
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts") && !linesOf.has(file)),
);
console.log(`lines that ran: ${told.join(", ")}`);
if (unseen.length > 0) console.log(`not loaded, or types only: ${unseen.length} files`);
console.log(`coverage: ${percent(all)} of ${all.of} lines with code`);

function percent({ ran, of }) {
  return of === 0 ? "none" : `${((100 * ran) / of).toFixed(1)} %`;
}

/** Notes which source lines of one script ran. */
function addScript({ functions }, { data, lineLengths }) {
  const files = data.sources.map((url) => (url?.startsWith("file:") ? fileOf(url) : undefined));
  if (!files.some((file) => file && isProduct(file))) return;
  const lineStarts = [0];
  for (const length of lineLengths) lineStarts.push(lineStarts[lineStarts.length - 1] + length + 1);
  const countAt = counter(functions.flatMap((f) => f.ranges));
  for (const [line, column, source, sourceLine] of segments(data.mappings)) {
    const ran = countAt(lineStarts[line] + column) > 0;
    const file = files[source];
    if (!file || !isProduct(file)) continue;
    if (!linesOf.has(file)) linesOf.set(file, new Map());
    const lines = linesOf.get(file);
    lines.set(sourceLine, lines.get(sourceLine) || ran);
  }
}

function fileOf(url) {
  return relative(root, fileURLToPath(url)).replaceAll(sep, "/");
}

function isProduct(file) {
  return ROOMS.some((folder) => file.startsWith(`${folder}/`)) && file.endsWith(".ts");
}

/** How often what stands at an offset ran; offsets must rise. The innermost of V8's nested ranges counts. */
function counter(ranges) {
  const sorted = ranges.sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const open = [];
  let next = 0;
  return (offset) => {
    for (; next < sorted.length && sorted[next].startOffset <= offset; next++) {
      while (open.length > 0 && open[open.length - 1].endOffset <= sorted[next].startOffset) open.pop();
      open.push(sorted[next]);
    }
    while (open.length > 0 && open[open.length - 1].endOffset <= offset) open.pop();
    return open.length > 0 ? open[open.length - 1].count : 0;
  };
}

/** A source map's [line, column, source, source line], from 0, in rising order. */
function* segments(mappings) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const valueOf = new Map([...digits].map((digit, value) => [digit, value]));
  let source = 0;
  let sourceLine = 0;
  for (const [line, text] of mappings.split(";").entries()) {
    let column = 0;
    for (const segment of text === "" ? [] : text.split(",")) {
      const numbers = [];
      let bits = 0;
      let shift = 0;
      for (const digit of segment) {
        const value = valueOf.get(digit);
        bits |= (value & 31) << shift;
        shift += 5;
        if (value & 32) continue;
        numbers.push(bits & 1 ? -(bits >> 1) : bits >> 1);
        bits = 0;
        shift = 0;
      }
      column += numbers[0];
      if (numbers.length === 1) continue;
      source += numbers[1];
      sourceLine += numbers[2];
      yield [line, column, source, sourceLine];
    }
  }
}
