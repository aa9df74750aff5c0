// What a program does, dispatch by dispatch: as data, and as a table.
import type { Consts } from "../../kernels/kernel.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { isScratch } from "../fuse/memory.ts";
import type { Estimate } from "./compilation.ts";

export interface ExplainedDispatch {
  /** The op with its shapes. */
  readonly label: string;
  readonly kernel: string;
  /** Tile sizes and switches. */
  readonly consts: Consts;
  readonly workgroups: readonly [number, number, number];
  /** Least work: operations, and bytes moved. */
  readonly flops: number;
  readonly bytes: number;
  /** Memory that is bound, in the order of the kernel's bindings. */
  readonly memory: readonly ExplainedMemory[];
  /** Elementwise ops that are computed here and stored nowhere. */
  readonly fused: readonly string[];
  /** As the last profile() found. */
  readonly timeUs?: number;
}

export interface ExplainedMemory {
  /** The tensor, or "scratch". */
  readonly content: string;
  readonly access: "read" | "read_write";
  /** Whether a copy of it in a storage texture is read: some CPU adapters read that faster. */
  readonly texels: boolean;
  readonly bytes: number;
}

/** What a program dispatches: as data, and by toString() as a table. */
export class Explanation {
  constructor(
    readonly name: string,
    readonly dispatches: readonly ExplainedDispatch[],
    readonly summary: string,
  ) {}

  /** One line a dispatch. */
  toString(): string {
    const timed = this.dispatches.some((d) => d.timeUs !== undefined);
    const lines = this.dispatches.map((d, i) =>
      [
        String(i).padStart(4),
        d.kernel.padEnd(28),
        d.workgroups.join("×").padStart(9),
        `${(d.flops / 1e6).toFixed(2).padStart(9)} MFLOP ${(d.bytes / 1e6).toFixed(2).padStart(8)} MB`,
        ...(timed ? [`${(d.timeUs ?? 0).toFixed(1).padStart(9)} µs`] : []),
        `${d.label}${d.fused.length ? ` ← ${counted(d.fused)}` : ""}`,
        Object.entries(d.consts)
          .map(([k, v]) => `${k}=${v}`)
          .join(" "),
      ]
        .join("  ")
        .trimEnd(),
    );
    return [`${this.name}: ${this.summary}`, ...lines].join("\n");
  }
}

/** Names in order, repeats counted: "mul ×3, add". */
function counted(names: readonly string[]): string {
  const found = new Map<string, number>();
  for (const n of names) found.set(n, (found.get(n) ?? 0) + 1);
  return [...found].map(([n, times]) => (times > 1 ? `${n} ×${times}` : n)).join(", ");
}

/** A program in a line. */
export function summaryOf(e: Estimate): string {
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const more = e.flopsRatio > 1 ? ` (${e.flopsRatio.toFixed(3)} times what it takes where all is kept)` : "";
  return [
    `${e.dispatches} dispatches`,
    `${(e.flops / 1e9).toFixed(3)} GFLOP${more}`,
    `activations ${mb(e.activationBytes)} of at least ${mb(e.lowerBoundBytes)}`,
    `variables ${mb(e.variableBytes)}`,
  ].join(", ");
}

export const explainDispatch = (
  { label, kernel, consts, workgroups, cost, memory, fused }: Dispatch,
  timeUs?: number,
): ExplainedDispatch => ({
  label,
  kernel: kernel.name,
  consts,
  workgroups,
  flops: cost.flops,
  bytes: cost.bytes,
  fused,
  memory: memory.map(({ memory: { content, bytes }, access, texture }) => ({
    content: isScratch(content) ? "scratch" : `${content}`,
    access,
    texels: texture !== undefined,
    bytes,
  })),
  ...(timeUs === undefined ? {} : { timeUs }),
});
