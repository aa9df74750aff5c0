// Runs of what is stored, before it is known where they lie (plan/memory.ts has the words from here on).
import { bytesPerElement } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import { aliasOf } from "./access.ts";

/** What lives within one stage alone, by its number. */
export interface Scratch {
  readonly scratch: number;
}

/** A run of bytes of a stored tensor, or of scratch. */
export interface Memory {
  readonly content: Tensor | Scratch;
  /** In bytes from the start of the content. */
  readonly offset: number;
  readonly bytes: number;
}

export interface BoundMemory {
  readonly binding: number;
  readonly access: "read" | "read_write";
  readonly memory: Memory;
  /** Of a dispatch with parts: what each part binds, all within `memory`. */
  readonly parts?: readonly Memory[];
  /** The texture, by its number in `Plan.textureRows`, in which a copy of it is read. */
  readonly texture?: number;
}

export const isScratch = (content: Memory["content"]): content is Scratch => "scratch" in content;

/** What two memories of the same content have in common. */
export const contentKey = (content: Memory["content"]): unknown => (isScratch(content) ? content.scratch : content);

/** Whether they are the same bytes of the same content. */
export const isSameMemory = (a: Memory, b: Memory): boolean =>
  a.offset === b.offset && a.bytes === b.bytes && contentKey(a.content) === contentKey(b.content);

/** What a binding's parts bind, each memory once. */
export const piecesOf = ({ memory, parts = [memory] }: BoundMemory): readonly Memory[] =>
  parts.filter((m, i) => parts.findIndex((other) => isSameMemory(other, m)) === i);

/** Whether a copy of what one binding reads is one for the other. */
export function readSame(a: BoundMemory, b: BoundMemory): boolean {
  const [own, others] = [piecesOf(a), piecesOf(b)];
  return own.length === others.length && own.every((m, i) => isSameMemory(m, others[i]!));
}

export const wholeOf = (t: Tensor): Memory => ({ content: t, offset: 0, bytes: t.bytes });

/** The bytes of a tensor that is stored, or that is a contiguous view of a stored one. */
export function memoryOf(t: Tensor, stored: ReadonlySet<Tensor>): Memory {
  const { base, offset } = aliasOf(t, (x) => stored.has(x));
  return { content: base, offset: offset * bytesPerElement(t.dtype), bytes: t.bytes };
}
