// node tools/third-party.mjs [--check]: writes THIRD-PARTY.md, what of others is packed into the library and what is
// installed with the command, with versions and licences as package-lock.json has them; --check only tells whether the
// file is as it would be written.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./bundle.mjs";
import { installedPackages, packageOf, packagesOf } from "./npm-packages.mjs";
import { OF_CLONES, ROOMS } from "./rooms.mjs";

const FILE = join(root, "THIRD-PARTY.md");
const read = (file) => JSON.parse(readFileSync(join(root, file), "utf8"));

/** Paths of the modules that are packed. */
const modules = () =>
  ROOMS.flatMap((room) => readdirSync(join(root, room), { recursive: true }).map((file) => `${room}/${file}`))
    .filter((file) => /\.ts$/.test(file) && !/\.d\.ts$/.test(file) && !OF_CLONES.some((path) => file.startsWith(path)))
    .sort();

/** Where npm looks for a package that one at `from` needs: the nearest node_modules that has it. */
function locate(packages, from, name) {
  for (let at = from; ; at = at.replace(/\/?node_modules\/(?:@[^/]+\/)?[^/]+$/, "")) {
    const path = at === "" ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[path]) return path;
    if (at === "") return undefined;
  }
}

/**
 * Packages by these names and all that they need, as rows by name; what they can do without is among it where npm
 * installs it. Throws where one states no licence.
 */
export function closure(packages, names, { optional = false } = {}) {
  const found = new Set();
  const visit = (path) => {
    if (path === undefined || found.has(path)) return;
    found.add(path);
    const { dependencies = {}, optionalDependencies = {} } = packages[path];
    const needed = { ...dependencies, ...(optional && optionalDependencies) };
    for (const name of Object.keys(needed)) visit(locate(packages, path, name));
  };
  for (const name of names) visit(locate(packages, "", name));
  return [...found]
    .map((path) => ({ name: path.replace(/^.*node_modules\//, ""), ...packages[path] }))
    .map(({ name, version, license }) => {
      if (!license) throw new Error(`${name} ${version} states no licence in package-lock.json`);
      return { name, version, license };
    })
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

const table = (rows) =>
  [
    "| package | version | licence |",
    "|---|---|---|",
    ...rows.map(({ name, version, license }) => `| ${name} | ${version} | ${license} |`),
  ].join("\n");

/** THIRD-PARTY.md's text. */
export function thirdParty() {
  const { packages } = read("package-lock.json");
  const { pages, node } = packagesOf(modules());
  const packed = closure(packages, new Set([...pages.keys(), ...node.keys()].map(packageOf)));
  const command = closure(packages, Object.keys(read("packages/cli/package.json").dependencies), { optional: true });
  const known = new Set([...packed, ...command].map(({ name, version }) => `${name}@${version}`));
  const others = Object.entries(packages).filter(
    ([path, { version }]) => path !== "" && !known.has(`${path.replace(/^.*node_modules\//, "")}@${version}`),
  );
  const licences = new Map();
  for (const [, { license = "not stated" }] of others) licences.set(license, (licences.get(license) ?? 0) + 1);
  const counted = [...licences].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} (${n})`);
  return `# Third-party software

Made by \`npm run third-party\` out of package-lock.json. A bill of materials in CycloneDX, with the hash of every package: \`npm run -s sbom\`.

## Packed into \`cmedl\`

What our modules import of these, and what that needs of others, is in \`dist/npm/\`; the texts of their licences go along in \`dist/npm/LICENSES.txt\`. Whoever installs \`cmedl\` installs nothing else.

${table(packed)}

## Installed with \`@cmedl/cli\`

The command's dependencies and theirs. Of the library they are optional peers: ${[...installedPackages()].sort().join(", ")}.

${table(command)}

## For developing alone

${others.length} further packages build and test the project and go into no package: ${counted.join(", ")}.
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = thirdParty();
  if (!process.argv.includes("--check")) writeFileSync(FILE, text);
  else if (readFileSync(FILE, "utf8") !== text) {
    console.error("THIRD-PARTY.md is not what package-lock.json says: npm run third-party");
    process.exitCode = 1;
  }
}
