// A captured dispatch as a folder that stands by itself: a page and a Node script run it without this project.
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Capture } from "../../lab/capture.ts";
import { refuseOverwrite } from "../files.ts";
import { NODE_SCRIPT, PAGE, RUN_MODULE } from "./capture-texts.ts";

/** Writes the folder, whole or not at all. Throws CommandError where it exists, FileError where it can't be made. */
export async function writeCapture(folder: string, capture: Capture): Promise<void> {
  await refuseOverwrite(folder);
  const made = join(dirname(resolve(folder)), `.${process.pid}.capture`);
  await mkdir(made, { recursive: true });
  try {
    for (const [name, content] of Object.entries(filesOf(capture))) await writeFile(join(made, name), content);
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

function filesOf(capture: Capture): Record<string, string | Uint8Array> {
  const { bindings, wgsl, ...facts } = capture;
  const buffers: Record<string, Uint8Array> = {};
  const rows = bindings.map(({ before, after, ...binding }) => {
    const file = `${binding.binding}-${binding.name}.bin`;
    const expected = `${binding.binding}-${binding.name}.expected.bin`;
    buffers[file] = before;
    if (after) buffers[expected] = after;
    return { ...binding, file, ...(after ? { expected } : {}) };
  });
  return {
    ...buffers,
    "kernel.wgsl": wgsl,
    "capture.json": `${JSON.stringify({ ...facts, bindings: rows }, null, 2)}\n`,
    "run.js": RUN_MODULE,
    "run.mjs": NODE_SCRIPT,
    "index.html": PAGE,
    "package.json": `${JSON.stringify({ private: true, type: "module", dependencies: { webgpu: "^0.6.2" } }, null, 2)}\n`,
    "README.md": readme(capture),
  };
}

const readme = ({ program, stage, kernel, label, site, adapter, workgroups, bindings }: Capture): string => `# ${kernel}

${label}${site ? `, in ${site}` : ""}: stage ${stage} of ${program}, captured on ${adapter}.
One dispatch of ${workgroups.join(" × ")} workgroups.

| binding | name | access | numbers | bytes | written |
|---:|---|---|---|---:|---|
${bindings
  .map(
    ({ binding, name, access, scalar, before, after }) =>
      `| ${binding} | ${name} | ${access} | ${scalar} | ${before.length} | ${after ? "compared with what was captured" : ""} |`,
  )
  .join("\n")}

Run it in Node: \`npm install && node run.mjs\`; in a browser with WebGPU: \`python3 -m http.server\` here, then open
http://localhost:8000. Both dispatch \`kernel.wgsl\` on the captured bytes (\`*.bin\`, little endian) and compare what it
writes with \`*.expected.bin\`: numbers of floats may differ in their last digits from one GPU to another, and count as
wrong beyond 1e-4 of the largest. Change \`kernel.wgsl\`, run again.
`;
