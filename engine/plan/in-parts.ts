// Groups of stages of equal text as one stage each, whose dispatches have parts (wgsl/parts.ts).
import { TEXELS_IN_ROW } from "../../kernels/texels.ts";
import { type BoundMemory, type Memory, isSameMemory, piecesOf } from "../fuse/memory.ts";
import { siteOf } from "../fuse/stage.ts";
import type { LoweredStage } from "../lower/lower.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { type Through, elementBytes, gridOf, packParts, partsBinding } from "../wgsl/parts.ts";
import type { Storages } from "./storages.ts";
import { pieceRows } from "./texels.ts";

/** A dispatch's text without parts, and what goes through what where it has some. */
interface Text {
  readonly code: string;
  readonly through: Through;
  readonly key: string;
}

/**
 * Each group as a stage. One that is alone has parts, too, if others have them by the same text, for they then share a
 * pipeline, or if it could not bind what it does without.
 */
export function inParts(
  groups: readonly (readonly LoweredStage[])[],
  codeOf: (d: Dispatch) => string,
  storages: Storages,
): readonly LoweredStage[] {
  const texts = groups.map(([first]) => first!.dispatches.map((d) => textOf(d, codeOf(d), storages)));
  const shared = new Set(groups.flatMap((group, g) => (group.length > 1 ? texts[g]!.map((t) => t.key) : [])));
  return groups.map(([first, ...others], g): LoweredStage => {
    const dispatches = first!.dispatches.map((d, i) => {
      const text = texts[g]![i]!;
      if (!shared.has(text.key) && !bindsTwice(d, storages)) return d;
      const dispatch = joined(text, [d, ...others.map((s) => s.dispatches[i]!)], storages);
      return { ...dispatch, label: d.label + besideOf(others) };
    });
    return { ...first!, ...(others.length > 0 ? { beside: others } : {}), dispatches };
  });
}

/**
 * What several parts bind may overlap where one storage is bound twice: where that is written, it is bound once, and all
 * goes through that.
 */
function textOf(d: Dispatch, code: string, storages: Storages): Text {
  const storageOf = ({ memory }: BoundMemory) => storages.place(memory).storage;
  const through = new Map<number, number>();
  for (const m of d.memory) {
    const writer = d.memory.find((w) => w.access === "read_write" && storageOf(w) === storageOf(m));
    if (writer && writer.binding !== m.binding) through.set(m.binding, writer.binding);
  }
  return { code, through, key: `${code}\n${[...through].join()}` };
}

/** " and 2 beside, of unet.down.1.conv1": how many parts more, and the layers that made them. */
function besideOf(others: readonly LoweredStage[]): string {
  const sites = [...new Set(others.map((s) => siteOf(s.stage)).filter((site) => site !== undefined))].join(" + ");
  return others.length > 0 ? ` and ${others.length} beside${sites && `, of ${sites}`}` : "";
}

/**
 * Whether a dispatch binds some bytes twice that lie, by now, beside what it writes: WebGPU wants all bindings of a
 * buffer that is written to be writable, and none of these to overlap.
 */
function bindsTwice(d: Dispatch, storages: Storages): boolean {
  const bound = d.memory.map(({ access, memory }) => ({ access, ...storages.place(memory), bytes: memory.bytes }));
  const written = new Set(bound.filter((m) => m.access === "read_write").map((m) => m.storage));
  return bound.some((a, i) =>
    bound
      .slice(0, i)
      .some(
        (b) =>
          a.storage === b.storage &&
          written.has(a.storage) &&
          a.offset < b.offset + b.bytes &&
          b.offset < a.offset + a.bytes,
      ),
  );
}

function joined({ code, through }: Text, parts: readonly Dispatch[], storages: Storages): Dispatch {
  const [first] = parts as [Dispatch, ...Dispatch[]];
  const holder = (binding: number): number => through.get(binding) ?? binding;
  const boundBy = (binding: number): Memory[] => parts.map((p) => p.memory.find((m) => m.binding === binding)!.memory);
  const memory = first.memory
    .filter(({ binding }) => !through.has(binding))
    .map((m): BoundMemory => {
      const held = first.memory.filter(({ binding }) => holder(binding) === m.binding);
      const own = held.flatMap(({ binding }) => boundBy(binding));
      return { ...m, memory: cover(own, storages), parts: own };
    });
  const binding = partsBinding(code);
  return {
    ...first,
    memory,
    uniforms: [{ binding, data: new ArrayBuffer(0) }],
    workgroups: gridOf(parts),
    cost: {
      flops: parts.reduce((n, p) => n + p.cost.flops, 0),
      bytes: parts.reduce((n, p) => n + p.cost.bytes, 0),
    },
    fused: parts.flatMap((p) => p.fused),
    wgsl: (declared) => first.wgsl({ ...declared, parts: through }),
    told(bound, byteOf) {
      const starts = new Map(
        first.memory.map((m) => {
          const held = bound.find((b) => b.binding === holder(m.binding))!;
          return [m.binding, startsOf(held, boundBy(m.binding), elementBytes(code, m.binding), byteOf)];
        }),
      );
      const data = packParts(
        code,
        parts.map(({ workgroups, uniforms }, p) => ({
          workgroups,
          startOf: (b) => starts.get(b)![p]!,
          uniform: (b) => uniforms.find((u) => u.binding === b)!.data,
        })),
      );
      return { uniforms: [{ binding, data }] };
    },
  };
}

/** The element at which each of these begins in what is bound: a run of a buffer, or copies in a texture. */
function startsOf(
  bound: BoundMemory,
  parts: readonly Memory[],
  bytes: number,
  byteOf: (m: Memory) => number,
): number[] {
  if (bound.texture === undefined) return parts.map((m) => (byteOf(m) - byteOf(bound.memory)) / bytes);
  const pieces = piecesOf(bound);
  const rows = pieceRows(bound);
  return parts.map((m) => TEXELS_IN_ROW * rows[pieces.findIndex((piece) => isSameMemory(piece, m))]!);
}

/** The run of a storage in which all of these are. */
function cover(memories: readonly Memory[], storages: Storages): Memory {
  const placed = memories.map((memory) => ({ memory, at: storages.place(memory).offset }));
  const lowest = placed.reduce((least, p) => (p.at < least.at ? p : least));
  const end = Math.max(...placed.map((p) => p.at + p.memory.bytes));
  return { ...lowest.memory, bytes: end - lowest.at };
}
