// A program run once with its kernels instrumented: what dbg said, and which indices were out of range.
import { layoutOf, withoutTexels } from "../../engine/run/bindings.ts";
import { entryOf } from "../../engine/run/build.ts";
import { type Replay, encodeReplays } from "../../engine/run/replays.ts";
import { writeInputs } from "../../engine/run/inputs.ts";
import type { Feeds, OpenedProgram, Program } from "../../engine/run/program.ts";
import { reflect } from "../../kernels/kernel.ts";
import { aside } from "../aside.ts";
import { type Origin, originsOf } from "../wgsl/origin.ts";
import {
  HEAD_WORDS,
  type Instrumented,
  type LogSite,
  MOST_LENGTHS,
  RECORD_WORDS,
  dbgCalls,
  dbgTypes,
  elementBytes,
  instrument,
  probe,
} from "./instrument.ts";

/** A line of a log, and who wrote it. */
export interface LogRecord {
  /** Number of the dispatch, its kernel and layer. */
  readonly stage: number;
  readonly kernel: string;
  readonly site?: string;
  /** In the kernel's own text, or the hook that was fused into it. */
  readonly origin: Origin;
  readonly workgroup: readonly [number, number, number];
  readonly invocation: readonly [number, number, number];
}

/** What a call of dbg said. */
export interface Printed extends LogRecord {
  readonly id: number;
  readonly type: string;
  readonly value: readonly (number | boolean)[];
  /** The call's arguments as they stand there. */
  readonly text: string;
}

/** An index that was out of range; what was read or written is the last element instead. */
export interface OutOfRange extends LogRecord {
  readonly array: string;
  /** As i32 where it is negative. */
  readonly index: number;
  readonly length: number;
}

export interface Log<R> {
  readonly records: readonly R[];
  /** Records that the log had no room for. */
  readonly dropped: number;
  /** Kernels that could not be looked into, and why. */
  readonly skipped: readonly string[];
}

export interface LogOptions {
  /** Records that are kept of each dispatch. Default 256. */
  readonly most?: number;
}

const MOST = 256;

/**
 * What `dbg(id, value)` says in the kernels of one run of a program, in the order of dispatches; within one the order
 * is that of the GPU. The run is none: the program is left as it was. Throws what the GPU reports.
 */
export async function printed(program: Program, feeds: Feeds = {}, options: LogOptions = {}): Promise<Log<Printed>> {
  const { records, ...rest } = await logged(program, feeds, false, options);
  return {
    ...rest,
    records: records.map(({ words, logSite, ...at }): Printed => {
      const { value } = valueOf(logSite.type, words.subarray(6));
      return { ...at, id: words[1]!, type: logSite.type, value, text: logSite.text };
    }),
  };
}

/**
 * Indices out of range of what an array holds, in the kernels of one run of a program: of tensors as long as they are,
 * not as their buffers, and of arrays in workgroup and private memory. Where a dispatch has several parts, it is what all
 * of them bind that is held against: compile with `horizontal: false` to look at each. Each invocation tells its first.
 * The run is none. Throws what the GPU reports.
 */
export async function outOfRange(
  program: Program,
  feeds: Feeds = {},
  options: LogOptions = {},
): Promise<Log<OutOfRange>> {
  const { records, ...rest } = await logged(program, feeds, true, options);
  return {
    ...rest,
    records: records.map(({ words, logSite, ...at }): OutOfRange => {
      const index = words[1]!;
      return { ...at, array: logSite.text, index: index > 2 ** 31 ? index - 2 ** 32 : index, length: words[6]! };
    }),
  };
}

type Raw = LogRecord & { readonly words: Uint32Array; readonly logSite: LogSite };

/** A replay that logs. */
interface Logging extends Instrumented {
  readonly stage: number;
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
}

async function logged(program: Program, feeds: Feeds, bounds: boolean, { most = MOST }: LogOptions): Promise<Log<Raw>> {
  return aside(program, async (opened) => {
    const { parts, made, replays, writeHost } = opened;
    const { gpu, name } = parts;
    const logBytes = 4 * (HEAD_WORDS + most * RECORD_WORDS);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const log = gpu.createBuffer(logBytes, usage, `${name}: log`);
    const skipped: string[] = [];
    const own: GPUBuffer[] = [];
    const loggings = await instrumented(opened, bounds, log, skipped, own);
    const heads = gpu.createBuffer(Math.max(1, loggings.length) * 4 * HEAD_WORDS, usage, `${name}: heads of logs`);
    const logs = gpu.createBuffer(Math.max(1, loggings.length) * log.size, usage, `${name}: logs`);
    try {
      gpu.device.queue.writeBuffer(heads, 0, headsOf(opened, loggings));
      await gpu.scoped(`${name}: logging`, () => {
        const encoder = gpu.device.createCommandEncoder({ label: `${name}: logging` });
        writeInputs(parts, made.places, feeds, encoder);
        writeHost();
        const byStage = new Map(loggings.map((l, i) => [l.stage, { ...l, i }]));
        replays.forEach((replay, stage) => {
          const logging = byStage.get(stage);
          if (logging) encoder.copyBufferToBuffer(heads, 4 * HEAD_WORDS * logging.i, log, 0, 4 * HEAD_WORDS);
          if (logging) encodeLogging(encoder, replay, logging);
          else encodeReplays(encoder, [replay], replay.dispatch.label);
          if (logging) encoder.copyBufferToBuffer(log, 0, logs, log.size * logging.i, log.size);
        });
        gpu.submit(encoder.finish());
      });
      const all = new Uint32Array(await gpu.readBuffer(logs, 0, loggings.length * log.size));
      return { ...recordsOf(opened, loggings, all, log.size / 4, most), skipped };
    } finally {
      for (const buffer of [log, heads, logs, ...own]) gpu.destroy(buffer);
    }
  });
}

function encodeLogging(
  encoder: GPUCommandEncoder,
  { dispatch }: Replay,
  { pipeline, bindGroup }: Pick<Replay, "pipeline" | "bindGroup">,
): void {
  const pass = encoder.beginComputePass({ label: dispatch.label });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(...dispatch.workgroups);
  pass.end();
}

/** The module of a dispatch, with buffers alone and its calls of dbg in it. */
const withDbg = ({ dispatch }: Replay): string =>
  dispatch.wgsl({
    writable: new Set(dispatch.memory.filter((m) => m.access === "read_write").map((m) => m.binding)),
    texels: new Set(),
    dbg: true,
  });

/** Names of a dispatch's memory, in its order; "" of those whose elements are no plain numbers. */
function namesOf(code: string, { dispatch }: Replay): string[] {
  const declared = new Map(reflect(code).bindings.map((b) => [b.index, b]));
  return dispatch.memory.map(({ binding }) => {
    const b = declared.get(binding);
    return b && elementBytes(code, b.type) !== undefined ? b.name : "";
  });
}

async function instrumented(
  { parts, made, replays }: OpenedProgram,
  bounds: boolean,
  log: GPUBuffer,
  skipped: string[],
  own: GPUBuffer[],
): Promise<Logging[]> {
  const { gpu, plan } = parts;
  const known = new Map<string, Promise<Instrumented | undefined>>();
  const found = await Promise.all(
    replays.slice(0, -1).map(async (replay, stage): Promise<Logging | undefined> => {
      const { dispatch } = replay;
      const code = withDbg(replay);
      const key = code;
      if (!known.has(key))
        known.set(key, instrumentedText(gpu.device, code, bounds ? namesOf(code, replay) : undefined));
      const text = await known.get(code)!;
      if (!text) return undefined;
      const storage = dispatch.memory.length;
      if (storage >= gpu.maxStorageBuffers) {
        skipped.push(
          `${stage} ${dispatch.kernel.name}: it binds ${storage} buffers, as many as the device does, and has no room for a log`,
        );
        return undefined;
      }
      const plain = withoutTexels(dispatch, plan);
      const pipeline = await gpu.pipeline(
        text.code,
        [
          ...layoutOf(plain),
          { binding: text.binding, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } },
        ],
        `${dispatch.kernel.name}, logging`,
      );
      gpu.giveUpPipeline(text.code);
      const uniforms = plain.uniforms.map(({ binding, data }) => {
        const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
        const buffer = gpu.createBuffer(data.byteLength, usage, `${dispatch.kernel.name}: numbers`);
        own.push(buffer);
        gpu.device.queue.writeBuffer(buffer, 0, data);
        return { binding, resource: { buffer } };
      });
      const entries = [
        ...dispatch.memory.map((m) => entryOf(plan, made.places, m)),
        ...uniforms,
        { binding: text.binding, resource: { buffer: log } },
      ];
      const bindGroup = gpu.device.createBindGroup({
        label: `${dispatch.label}, logging`,
        layout: pipeline.getBindGroupLayout(0),
        entries,
      });
      return { ...text, stage, pipeline, bindGroup };
    }),
  );
  return found.filter((l) => l !== undefined);
}

/** A module instrumented once the types of what its calls of dbg say are known: those that compile. */
async function instrumentedText(
  device: GPUDevice,
  code: string,
  bounds: readonly string[] | undefined,
): Promise<Instrumented | undefined> {
  const dbg = new Map<number, string>();
  if (!bounds)
    for (const call of dbgCalls(code)) {
      const types = dbgTypes(code);
      const compiles = await Promise.all(types.map((type) => doesCompile(device, probe(code, call, type))));
      const type = types[compiles.indexOf(true)];
      if (type !== undefined) dbg.set(call.line, type);
    }
  return instrument(code, bounds ? { dbg, bounds } : { dbg });
}

async function doesCompile(device: GPUDevice, code: string): Promise<boolean> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code, label: "of which type?" });
  const heard = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  await heard;
  return !messages.some((m) => m.type === "error");
}

/** What the log of each dispatch begins with: no records, and how many elements its bindings have. */
function headsOf({ replays }: OpenedProgram, loggings: readonly Logging[]): Uint32Array<ArrayBuffer> {
  const heads = new Uint32Array(Math.max(1, loggings.length) * HEAD_WORDS);
  loggings.forEach(({ stage, code }, i) => {
    const declared = new Map(reflect(code).bindings.map((b) => [b.index, b]));
    replays[stage]!.dispatch.memory.slice(0, MOST_LENGTHS).forEach(({ binding, memory }, m) => {
      const bytes = elementBytes(code, declared.get(binding)?.type ?? "") ?? 1;
      heads[i * HEAD_WORDS + 4 + m] = Math.ceil(memory.bytes / bytes);
    });
  });
  return heads;
}

function recordsOf(
  { replays }: OpenedProgram,
  loggings: readonly Logging[],
  all: Uint32Array,
  logWords: number,
  most: number,
): Omit<Log<Raw>, "skipped"> {
  const records: Raw[] = [];
  let dropped = 0;
  loggings.forEach(({ stage, sites }, i) => {
    const { dispatch, site } = replays[stage]!;
    const originOf = originsOf(dispatch.kernel.source, withDbg(replays[stage]!));
    const start = i * logWords;
    const count = all[start]!;
    dropped += Math.max(0, count - most);
    for (let r = 0; r < Math.min(count, most); r++) {
      const at = start + HEAD_WORDS + r * RECORD_WORDS;
      const words = all.subarray(at, at + RECORD_WORDS);
      const [number = 0, , gx = 0, gy = 0, gz = 0, local = 0] = words;
      const logSite = sites[number]!;
      records.push({
        stage,
        kernel: dispatch.kernel.name,
        ...(site === undefined ? {} : { site }),
        origin: originOf(logSite.line),
        workgroup: [gx, gy, gz],
        invocation: [local & 1023, (local >> 10) & 1023, local >> 20],
        words,
        logSite,
      });
    }
  });
  return { records, dropped };
}

/** The numbers of a value by its type. */
function valueOf(type: string, words: Uint32Array): { value: (number | boolean)[] } {
  const [, lanes = "1", scalar = type] = /^vec(\d)<(\w+)>$/.exec(type) ?? [];
  const own = words.slice(0, Number(lanes));
  if (scalar === "bool") return { value: [...own].map((v) => v !== 0) };
  if (scalar === "u32") return { value: [...own] };
  if (scalar === "i32") return { value: [...new Int32Array(own.buffer)] };
  return { value: [...new Float32Array(own.buffer)] };
}
