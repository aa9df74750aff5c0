// What a compiler and a pipeline say of a module, at the place in the file that its developer wrote. Any device does:
// Dawn's null back end validates like a real one, and runs nothing.
import { reflect } from "../../kernels/kernel.ts";
import { textureLayout } from "../../kernels/texture/texture.ts";
import { declarationsOf } from "../wgsl/declarations.ts";
import { originsOf } from "../wgsl/origin.ts";
import { type Finding, type Rule, type WgslFile, findingAt } from "./finding.ts";

/** An error of the compiler, at a place of the module's text; or of the pipeline, at none. */
interface Complaint {
  readonly message: string;
  readonly line?: number;
  readonly column?: number;
  readonly length?: number;
  readonly notes: readonly GPUCompilationMessage[];
}

/** The module's text with the directive that its types ask for. */
export const withDirectives = (code: string): string =>
  /\bf16\b/.test(code.replace(/\/\/.*$/gm, "")) && !/^enable f16;/m.test(code) ? `enable f16;\n${code}` : code;

/**
 * What a device has against a module, whose bindings are laid out as the host reads them from the text: one that it
 * does not see is a complaint of the pipeline.
 */
export async function complaintsOf(device: GPUDevice, code: string): Promise<Complaint[]> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const compiled = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  await compiled;
  const notes = messages.filter((m) => m.type === "info");
  const errors = messages.filter((m) => m.type === "error");
  if (errors.length > 0)
    return errors.map(({ message, lineNum, linePos, length }) => ({
      // What else an overload could have been is long, and no help.
      message: message.split("\n\n")[0]!,
      line: lineNum,
      column: linePos,
      length,
      notes,
    }));
  const { bindings, textures } = reflect(code);
  const visibility = 4; // a compute stage's
  const entries = bindings.map(
    (b): GPUBindGroupLayoutEntry => ({
      binding: b.index,
      visibility,
      buffer: { type: b.access === "uniform" ? "uniform" : b.access === "read" ? "read-only-storage" : "storage" },
    }),
  );
  for (const { index, type } of textures) entries.push({ binding: index, visibility, ...textureLayout(code, type) });
  device.pushErrorScope("validation");
  device.createComputePipeline({
    layout: device.createPipelineLayout({ bindGroupLayouts: [device.createBindGroupLayout({ entries })] }),
    compute: { module },
  });
  const error = await device.popErrorScope();
  return error ? [{ message: error.message.split("\n")[0]!, notes: [] }] : [];
}

/** Findings of a module that was assembled of the file's text; `variant` says how. */
export async function compiledFindings(
  device: GPUDevice,
  file: WgslFile,
  assembled: string,
  variant?: string,
): Promise<Finding[]> {
  const code = withDirectives(assembled);
  const complaints = await complaintsOf(device, code);
  if (complaints.length === 0) return [];
  const lines = code.split("\n");
  const originOf = originsOf(file.source, code);
  const fileLines = file.source.split("\n");
  const placeOf = (line: number, column: number): Pick<Finding, "line" | "column" | "excerpt"> & { where: string } => {
    const origin = originOf(line);
    const text = lines[line - 1] ?? "";
    if (origin.kind === "hook")
      return { line: origin.line, column, excerpt: text, where: `in what is fused into \`${origin.hook}\`: ` };
    if (origin.kind === "appended")
      return { line: fileLines.length, column, excerpt: text, where: "in what its hooks need: " };
    const own = fileLines[origin.line - 1]!;
    return { line: origin.line, column: Math.min(column, own.length), excerpt: own, where: "" };
  };
  return complaints.map(({ message, line, column = 1, length = 1, notes }): Finding => {
    if (line === undefined) return { ...pipelineFinding(file, message), ...(variant ? { variant } : {}) };
    const { where, ...place } = placeOf(line, column);
    return {
      rule: "compile",
      file: file.file,
      ...place,
      length,
      message: `${where}${message}`,
      ...(variant ? { variant } : {}),
      notes: notes.map((note) => {
        const at = placeOf(note.lineNum, note.linePos);
        return `${file.file}:${at.line}:${at.column}: ${note.message}`;
      }),
    };
  });
}

/** A complaint of the pipeline at the declaration that it is about. */
function pipelineFinding(file: WgslFile, message: string): Finding {
  const at = (rule: Rule, pattern: RegExp): Finding | undefined => {
    const found = pattern.exec(file.source);
    return found ? findingAt(file, rule, found.index, found[0].length, message) : undefined;
  };
  const place = (): Finding | undefined => {
    if (/workgroup invocations|workgroup_size|workgroup size/i.test(message))
      return at("limit", /@workgroup_size\((?:[^()]|\([^()]*\))*\)/);
    if (/workgroup storage/i.test(message)) return at("limit", /var<workgroup>\s*\w+/);
    const last = declarationsOf(file.source).findLast((d) => /@binding\b/.test(d.code));
    if (last && /number of (storage|uniform) (buffers|textures)/i.test(message))
      return findingAt(file, "limit", last.at, last.name.length, message);
    const binding = /@binding\((\d+)\)/.exec(message)?.[1];
    return binding === undefined ? undefined : at("layout", new RegExp(`@binding\\(${binding}\\)`));
  };
  return place() ?? findingAt(file, "layout", 0, 1, message);
}
