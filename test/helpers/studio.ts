// The studio, built and served for tests in Chromium.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Server } from "../../tools/serve.mjs";

export interface ServedStudio {
  readonly url: string;
  close(): Promise<void>;
}

/** With the models below a folder, where one is given. */
export async function serveStudio(models?: string): Promise<ServedStudio> {
  const folder = await mkdtemp(join(tmpdir(), "cmedl-studio-"));
  // Not of the tests' bundle: the builder finds the repository by where it stands.
  const tool = (name: string): Promise<unknown> => import(pathToFileURL(resolve(`tools/${name}.mjs`)).href);
  const { buildStudio } = (await tool("web")) as { buildStudio(out: string): Promise<unknown> };
  const served = (await tool("serve-studio")) as {
    serveStudio(out: string, port: number, models: string | undefined): Promise<Server>;
  };
  await buildStudio(folder);
  const server = await served.serveStudio(folder, 0, models);
  return {
    url: server.url,
    async close() {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
