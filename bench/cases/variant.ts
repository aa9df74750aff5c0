// A kernel's text of one's own in the place of the shipped one, and where in it a compiler's error stands: seams and
// hooks are rewritten before a text is compiled, so each of its lines carries its number along, as a comment.
import type { Device, Tensor } from "../../engine/index.ts";
import { finish } from "../../engine/pace.ts";
import { compile } from "../../engine/run/compilation.ts";
import { type Kernel, type KernelSpec, defineKernel } from "../../kernels/kernel.ts";

const MARK = " //#";
const marked = (text: string): string =>
  text
    .split("\n")
    .map((line, i) => `${line}${MARK}${i + 1}`)
    .join("\n");

/** The kernel with another text; throws where that lacks a seam of its tunables. */
export function variantOf(kernel: Kernel, text: string): Kernel {
  const { tunables, consts, fits, threads, workgroups, cost, tally } = kernel;
  const spec: KernelSpec = { source: marked(text), tunables, consts, fits, threads, workgroups, cost, tally };
  return defineKernel(kernel.name, spec);
}

/** An error of the compiler: in a line of the text, or in what was generated around it. */
export interface TextError {
  readonly message: string;
  /** From 1; the line is undefined where the text has none that it could be. */
  readonly line?: number;
  readonly column: number;
  readonly length: number;
  readonly code: string;
}

/**
 * What the compiler says of a variant, in every form in which the results dispatch it; nothing where it compiles.
 * Throws what lowering throws: a seam or a binding that it lacks.
 */
export async function textErrors(
  device: Device,
  build: () => Record<string, Tensor>,
  variant: Kernel,
): Promise<TextError[]> {
  const { gpu } = device;
  const { plan } = finish(
    compile(build, {}, { mode: "train", name: variant.name, horizontal: false }, gpu.traits, gpu),
  );
  const codes = plan.stages.flatMap((s) => s.dispatches).filter((d) => d.kernel === variant);
  const errors: TextError[] = [];
  for (const code of new Set(codes.map((d) => d.code))) {
    gpu.device.pushErrorScope("validation");
    const module = gpu.device.createShaderModule({ code, label: variant.name });
    const { messages } = await module.getCompilationInfo();
    await gpu.device.popErrorScope();
    const lines = code.split("\n");
    for (const { type, message, lineNum, linePos, length } of messages)
      if (type === "error") errors.push(errorOf(message, lines[lineNum - 1] ?? "", linePos, length));
  }
  return errors;
}

function errorOf(message: string, line: string, column: number, length: number): TextError {
  const at = line.lastIndexOf(MARK);
  const code = at < 0 ? line : line.slice(0, at);
  return {
    message: message.trim(),
    line: at < 0 ? undefined : Number(line.slice(at + MARK.length)),
    column: Math.max(1, Math.min(column, code.length + 1)),
    length: Math.max(1, Math.min(length, code.length + 1 - column)),
    code,
  };
}

/** "my.wgsl:12:7: message", the line, and a caret below it. */
export function errorLines(file: string, { message, line, column, length, code }: TextError): string[] {
  const where = line === undefined ? `${file}, in what is fused into it` : `${file}:${line}:${column}`;
  return [`${where}: ${message.split("\n")[0]}`, `  ${code}`, `  ${" ".repeat(column - 1)}${"^".repeat(length)}`];
}
