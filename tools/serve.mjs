// Files for a page, served on this machine alone.
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, isAbsolute, relative, resolve } from "node:path";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/**
 * Serves at `port` of 127.0.0.1 (0: any that is free) what `served` gives for a path: bytes, text or nothing. The path
 * is decoded and begins with "/"; one that ends in "/" is that of its index.html. `headers` go with every answer.
 */
export async function serve(served, { port = 0, headers = {} } = {}) {
  const server = createServer(async ({ url }, response) => {
    const answer = (status, body, type = "text/plain") =>
      response.writeHead(status, { "content-type": type, ...headers }).end(body);
    const path = pathOf(url);
    if (path === undefined) return answer(400, "not a path");
    try {
      const body = await served(path);
      if (body === undefined) answer(404, "not found");
      else answer(200, body, TYPES[extname(path)] ?? "application/octet-stream");
    } catch (error) {
      answer(500, String(error));
    }
  });
  await new Promise((listens, fails) => {
    server.on("error", fails);
    server.listen(port, "127.0.0.1", listens);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Serves the files below a folder. */
export const serveFolder = (folder, port) => serve((path) => fileBelow(folder, path), { port });

/** What a request asks for, or nothing where it can't be read, as "/%". */
function pathOf(url) {
  try {
    const path = decodeURIComponent(new URL(url, "http://127.0.0.1").pathname);
    return path.endsWith("/") ? `${path}index.html` : path;
  } catch {
    return undefined;
  }
}

/** The bytes of a file below a folder, by a path as `serve` gives it. */
export async function fileBelow(folder, path) {
  const file = resolve(folder, `.${path}`);
  const within = relative(folder, file);
  if (within.startsWith("..") || isAbsolute(within)) return undefined;
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? readFile(file) : undefined;
}
