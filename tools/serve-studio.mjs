// The studio's server: the build's files, and the trained models of a folder, which the page offers.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, withBundle } from "./bundle.mjs";
import { fileBelow, serve, serveFolder } from "./serve.mjs";

/** Tells the page that there is a list of models; a build for a static host has none. */
const MARK = '<meta name="cmedl-models" content="models.json" />';

/**
 * Serves a build of the studio at a port of 127.0.0.1; with `models` runs and model zips below that folder too, which
 * are looked for whenever a page is loaded.
 */
export async function serveStudio(out, port, models) {
  if (models === undefined) return serveFolder(out, port);
  const entry = join(root, "node/run/models-below.ts");
  const { modelsBelow, modelBelow } = await withBundle({ entry }, (file) => import(pathToFileURL(file).href));
  await modelsBelow(models); // A folder that can't be read is told of at once.
  return serve(
    async (path) => {
      if (path === "/models.json") return JSON.stringify(await modelsBelow(models));
      if (path.startsWith("/models/")) return modelBelow(models, path.slice("/models/".length));
      const bytes = await fileBelow(out, path);
      return path === "/index.html" && bytes ? bytes.toString().replace("</head>", `  ${MARK}\n  </head>`) : bytes;
    },
    { port },
  );
}
