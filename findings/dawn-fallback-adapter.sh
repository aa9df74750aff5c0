#!/usr/bin/env bash
# Whether there is a fallback adapter depends on what was asked for before.
# Versions: npm webgpu 0.6.2 (Dawn) on Mesa 25.0.7 lavapipe.
# One would guess: requestAdapter({ forceFallbackAdapter: true }) gives the one adapter whose info.isFallbackAdapter
#   is true, the first time as the tenth.
# Seen: it gives null, again and again, until the same instance was asked once without the option; from then on it
#   gives lavapipe. A second instance made by create() starts over. (SwiftShader is given at once.)
# A tool should: in Node ask without the option and look at isFallbackAdapter, or choose by name:
#   create(["adapter=NAME"]).
source "$(dirname "$0")/setup.bash"
driver lavapipe
npm_packages webgpu@0.6.2
cat >seen.mjs <<'JS'
import { create, globals } from "webgpu";
import { report } from "./report.mjs";
Object.assign(globalThis, globals);
const instances = [create([]), create([])];
const ask = async (instance, options) => {
  const adapter = await instance.requestAdapter(options);
  return adapter === null ? "null" : `${adapter.info.architecture}, fallback ${adapter.info.isFallbackAdapter}`;
};
const force = { forceFallbackAdapter: true };
report([
  ["forced", await ask(instances[0], force), "null"],
  ["forced again", await ask(instances[0], force), "null"],
  ["not forced", await ask(instances[0]), "software, fallback true"],
  ["forced after that", await ask(instances[0], force), "software, fallback true"],
  ["forced in another instance", await ask(instances[1], force), "null"],
]);
globalThis.kept = instances;
JS
node seen.mjs
