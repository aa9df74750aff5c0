// What Dawn's compiler makes of WGSL: SPIR-V by the Vulkan back end, HLSL or MSL by others. Dawn prints it, and has
// nothing that gives it: a process of its own is overheard.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const SCRIPT = `
const { create, globals } = await import(process.argv[1]);
Object.assign(globalThis, globals);
let text = "";
for await (const chunk of process.stdin) text += chunk;
const modules = JSON.parse(text);
const gpu = create(["enable-dawn-features=dump_shaders,allow_unsafe_apis"]);
const adapter = await gpu.requestAdapter();
const wanted = [...new Set(modules.flatMap((m) => m.features))].filter((f) => adapter.features.has(f));
const device = await adapter.requestDevice({ requiredFeatures: wanted });
for (const { code } of modules) {
  const module = device.createShaderModule({ code });
  await device.createComputePipelineAsync({ layout: "auto", compute: { module } }).catch(() => {});
}
setTimeout(() => process.exit(0), 100);
`;

/** A module to compile, and the features that it asks for. */
export interface Dumped {
  readonly code: string;
  readonly features: readonly string[];
}

/** The assembly of each module, "" where the compiler gave none. */
export async function assembliesOf(modules: readonly Dumped[]): Promise<string[]> {
  const child = promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", SCRIPT, import.meta.resolve("webgpu")],
    { maxBuffer: 2 ** 30 },
  );
  child.child.stdin!.end(JSON.stringify(modules));
  const { stdout } = await child;
  const found = new Map(
    stdout
      .split(/^info:\n\/\/ Dumped WGSL:\n/m)
      .slice(1)
      .map((part) => {
        const [wgsl = "", ...rest] = part.split(/^info:\n\/\* Dumped [^*]* \*\/\n/m);
        return [wgsl.trim(), rest.join("\n").trim()] as const;
      })
      .filter(([, assembly]) => assembly !== ""),
  );
  return modules.map(({ code }) => found.get(code.trim()) ?? "");
}
