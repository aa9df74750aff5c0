// node tools/docs.mjs: writes docs/api, the reference of what package.json exports, from the docstrings. Exit code 1
// where a docstring points to nothing.
import { join } from "node:path";
import { Application } from "typedoc";
import { root } from "./bundle.mjs";
import { entries } from "./exports.mjs";

const app = await Application.bootstrap({
  name: "cmedl",
  entryPoints: entries().map(({ source }) => join(root, source)),
  tsconfig: join(root, "tsconfig.json"),
  out: join(root, "docs/api"),
  readme: join(root, "README.md"),
  githubPages: false,
  disableSources: true,
  excludeInternal: true,
  excludePrivate: true,
  // A type that is used but not exported is shown by its name alone.
  validation: { notExported: false, invalidLink: true, invalidPath: true },
});
const project = await app.convert();
if (!project) process.exit(1);
app.validate(project);
await app.generateOutputs(project);
console.log(`docs/api: ${entries().length} modules, ${app.logger.warningCount} warnings`);
process.exit(app.logger.hasErrors() || app.logger.hasWarnings() ? 1 : 0);
