// A timeline as Chrome trace events, which Perfetto (ui.perfetto.dev) and chrome://tracing open.
import { layerOf } from "./tree.ts";
import { type Timeline, partsOf } from "./timeline.ts";

/** An event of the trace event format: X a span, C a counter, M a name; times in µs. */
export interface TraceEvent {
  readonly ph: "X" | "C" | "M";
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface Trace {
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, unknown>>;
  readonly traceEvents: readonly TraceEvent[];
}

const PID = 1;
const HOST = 1;
const GPU = 2;
const LAYERS = 3;

const named = (what: "process_name" | "thread_name", tid: number, name: string): TraceEvent => ({
  ph: "M",
  name: what,
  pid: PID,
  tid,
  args: { name },
});

/**
 * One step: what the host does, the GPU's stages in their order with the gaps between them, the layers above these,
 * and a counter of the memory that lives at each. Without times of stages there is the host alone.
 */
export function traceOf(timeline: Timeline): Trace {
  const { name, adapter, date, host, stages, memory, wallMs, sumUs } = timeline;
  const events: TraceEvent[] = [
    named("process_name", HOST, name),
    named("thread_name", HOST, "host"),
    named("thread_name", GPU, "GPU stages"),
    named("thread_name", LAYERS, "GPU layers"),
  ];
  const encodeUs = 1000 * timeline.encodeMs.median;
  events.push(
    { ph: "X", name: "encode and submit", pid: PID, tid: HOST, ts: 0, dur: encodeUs },
    { ph: "X", name: "wait", pid: PID, tid: HOST, ts: encodeUs, dur: Math.max(0, 1000 * wallMs.median - encodeUs) },
  );
  if (sumUs !== undefined) {
    let at = encodeUs;
    let layer: { path: string; from: number } | undefined;
    const close = (to: number): void => {
      if (layer)
        events.push({ ph: "X", name: layer.path, pid: PID, tid: LAYERS, ts: layer.from, dur: to - layer.from });
    };
    stages.forEach((stage, i) => {
      const { label, kernel, flops, bytes, fused, timeUs = 0, gapUs = 0 } = stage;
      const { path, isGradient } = layerOf(stage);
      const shown = isGradient ? `${path} (gradient)` : path;
      const end = at;
      at += Math.max(0, gapUs);
      if (layer?.path !== shown) {
        close(end);
        layer = { path: shown, from: at };
      }
      events.push({
        ph: "X",
        name: kernel,
        pid: PID,
        tid: GPU,
        ts: at,
        dur: timeUs,
        args: { label, layer: shown, flops, bytes, fused },
      });
      const live = memory.liveBytes[i];
      if (live !== undefined)
        events.push({
          ph: "C",
          name: "memory",
          pid: PID,
          tid: GPU,
          ts: at,
          args: { activations: live, variables: memory.variableBytes, inputs: memory.inputBytes },
        });
      at += timeUs;
    });
    close(at);
  }
  return {
    displayTimeUnit: "ms",
    otherData: { name, adapter, date, host, wallMs: wallMs.median, parts: partsOf(timeline) },
    traceEvents: events,
  };
}
