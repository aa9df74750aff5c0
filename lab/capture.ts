// One dispatch of a program as data: its WGSL, all that it binds as it was before, and what it wrote.
import { withoutTexels } from "../engine/run/bindings.ts";
import { entryOf } from "../engine/run/build.ts";
import { writeInputs } from "../engine/run/inputs.ts";
import type { Feeds, OpenedProgram, Program } from "../engine/run/program.ts";
import { encodeReplays } from "../engine/run/replays.ts";
import { reflect, resolved } from "../kernels/kernel.ts";
import { UsageError } from "../engine/errors.ts";
import { aside } from "./aside.ts";

/** The type of a binding's numbers. */
export type Scalar = "f32" | "i32" | "u32" | "f16";

export interface CapturedBinding {
  readonly binding: number;
  readonly name: string;
  readonly access: "uniform" | "read" | "read_write";
  readonly scalar: Scalar;
  /** Bytes before the dispatch. */
  readonly before: Uint8Array<ArrayBuffer>;
  /** Of what it writes: the bytes that it leaves, padding behind the tensor's own included. */
  readonly after?: Uint8Array<ArrayBuffer>;
}

export interface Capture {
  readonly program: string;
  /** Its number among the program's dispatches. */
  readonly stage: number;
  readonly kernel: string;
  readonly label: string;
  readonly site?: string;
  readonly wgsl: string;
  readonly workgroups: readonly [number, number, number];
  readonly bindings: readonly CapturedBinding[];
  readonly adapter: string;
  /** WebGPU features that the WGSL asks for. */
  readonly features: readonly string[];
}

/** A stage in words: its number, kernel, label and layer. */
export const stageLine = ({ replays }: OpenedProgram, stage: number): string => {
  const { dispatch, site } = replays[stage]!;
  return `${stage} ${dispatch.kernel.name} ${dispatch.label}${site ? ` · ${site}` : ""}`;
};

/** Numbers of the stages that a number or words mean: all of these stand in the stage's line. */
export function stagesNamed(opened: OpenedProgram, wanted: string): number[] {
  const all = opened.replays.map((_, stage) => stage).slice(0, -1);
  if (/^\d+$/.test(wanted)) return all.filter((stage) => stage === Number(wanted));
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  return all.filter((stage) => {
    const line = stageLine(opened, stage).toLowerCase();
    return words.every((word) => line.includes(word));
  });
}

/** Features by the directives of a text. */
export function featuresOf(wgsl: string): string[] {
  const names: Readonly<Record<string, string>> = {
    f16: "shader-f16",
    subgroups: "subgroups",
    chromium_experimental_subgroup_matrix: "chromium-experimental-subgroup-matrix",
  };
  return [...wgsl.matchAll(/^enable (\w+);/gm)].flatMap(([, directive = ""]) => names[directive] ?? []);
}

/** The numbers that a binding of this type holds: `array<vec4<f32>>`, by aliases too. */
export function scalarOf(wgsl: string, type: string): Scalar {
  const element = /^array<(\w+(?:<\w+>)?)/.exec(type)?.[1] ?? "u32";
  const found = /\b(f32|i32|u32|f16)\b/.exec(resolved(wgsl, element))?.[1];
  return (found ?? "u32") as Scalar;
}

/**
 * Runs a program up to a stage, and that; what it bound and wrote. The program is left as it was. Throws UsageError
 * where there is no such stage, and what the GPU reports.
 */
export async function captureStage(program: Program, feeds: Feeds, stage: number): Promise<Capture> {
  return aside(program, async (opened) => {
    const { parts, made, replays, writeHost } = opened;
    const { gpu, plan, name } = parts;
    const replay = replays[stage];
    if (!replay || stage === replays.length - 1)
      throw new UsageError(`${name} has no stage ${stage}: its stages are 0 … ${replays.length - 2}`);
    const { site } = replay;
    const dispatch = withoutTexels(replay.dispatch, plan);
    const submit = (from: number, to: number): void => {
      const encoder = gpu.device.createCommandEncoder({ label: `${name}: stages ${from} … ${to - 1}` });
      if (from === 0) {
        writeInputs(parts, made.places, feeds, encoder);
        writeHost();
      }
      encodeStages(encoder, opened, from, to);
      gpu.submit(encoder.finish());
    };
    submit(0, stage);
    const { code, memory, uniforms } = dispatch;
    const declared = new Map(reflect(code).bindings.map((b) => [b.index, b]));
    const bound = await Promise.all(
      memory.map(async (m) => {
        const { resource } = entryOf(plan, made.places, m);
        const read = async () => new Uint8Array(await gpu.readBuffer(resource.buffer, resource.offset, resource.size));
        return { m, read, before: await read() };
      }),
    );
    submit(stage === 0 ? -1 : stage, stage + 1);
    const ofMemory = await Promise.all(
      bound.map(async ({ m, read, before }): Promise<CapturedBinding> => {
        const { name: variable = "", type = "" } = declared.get(m.binding) ?? {};
        const scalar = scalarOf(code, type);
        const base = { binding: m.binding, name: variable, access: m.access, scalar, before };
        return m.access === "read_write" ? { ...base, after: await read() } : base;
      }),
    );
    const ofNumbers = uniforms.map(
      ({ binding, data }): CapturedBinding => ({
        binding,
        name: declared.get(binding)?.name ?? "k",
        access: "uniform",
        scalar: "u32",
        before: new Uint8Array(data.slice(0)),
      }),
    );
    return {
      program: name,
      stage,
      kernel: dispatch.kernel.name,
      label: dispatch.label,
      ...(site === undefined ? {} : { site }),
      wgsl: code,
      workgroups: dispatch.workgroups,
      bindings: [...ofMemory, ...ofNumbers].sort((a, b) => a.binding - b.binding),
      adapter: gpu.adapterName,
      features: featuresOf(code),
    };
  });
}

/** Encodes some of a program's dispatches. */
export const encodeStages = (encoder: GPUCommandEncoder, { replays }: OpenedProgram, from: number, to: number): void =>
  encodeReplays(encoder, replays.slice(Math.max(0, from), to), `stages ${Math.max(0, from)} … ${to - 1}`);
