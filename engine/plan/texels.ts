// Which bindings are read as texels, and which texture holds a copy of what. Where an adapter reads storage textures
// faster than buffers (Traits.texels), a copy before the dispatch costs next to nothing beside the reads that it saves.
// A copy stays for later dispatches until its texture is taken for another.
import { type BoundMemory, piecesOf, readSame } from "../fuse/memory.ts";
import type { Dispatch } from "../wgsl/dispatch.ts";
import { canReadTexels } from "../wgsl/texels.ts";
import type { Binding, Kernel } from "../../kernels/kernel.ts";
import { MOST_TEXEL_ROWS, MOST_TEXTURES, texelRows } from "../../kernels/texels.ts";

/** A dispatch, its WGSL with buffers alone, and the bindings that must be writable. */
export interface Plain {
  readonly dispatch: Dispatch;
  readonly code: string;
  readonly writable: ReadonlySet<number>;
}

/** What a copy costs: its commands, and that a pass ends before it. In nanoseconds, as all of these on two processors. */
const COPY_NS = 20_000;
/** What an operation of a product saves, whose factors are read again and again, and a byte that is read once. */
const OPERATION_NS = 0.03;
const BYTE_NS = 0.2;
/** Most bytes of a copy that is read once: larger ones leave the processor's caches before they are read. */
const CACHED_BYTES = 2 ** 20;
/**
 * What a pipeline's compile saves of each run, shared by some 1500, where a product's factor is read as texels: a load of
 * a buffer is thirteen times the code, and a turn has several.
 */
const COMPILE_NS = 75_000;
/** Operations for a byte from which a dispatch is a product. */
const OFTEN = 4;
export const isProduct = ({ cost: { flops, bytes } }: Dispatch): boolean => flops > OFTEN * bytes;

/**
 * The bindings of a dispatch that are read as texels: those by which dispatches of one WGSL, which share a pipeline,
 * save time in all.
 */
function texelsOf(all: readonly Plain[]): (plain: Plain) => ReadonlySet<number> {
  const saved = new Map<string, Map<number, number>>();
  const factors = new Map<string, Set<number>>();
  for (const { dispatch, code, writable } of all) {
    const sums = saved.get(code) ?? new Map<number, number>();
    const known = factors.get(code) ?? new Set();
    for (const m of dispatch.memory) {
      if (!canBeTexels(m, dispatch, writable)) continue;
      const isNew = isFactor(m, dispatch) && !known.has(m.binding);
      if (isNew) known.add(m.binding);
      const own = savedNs(m, dispatch) - COPY_NS * piecesOf(m).length + (isNew ? COMPILE_NS : 0);
      sums.set(m.binding, (sums.get(m.binding) ?? 0) + own);
    }
    saved.set(code, sums);
    factors.set(code, known);
  }
  return ({ dispatch, code, writable }) => {
    const sums = saved.get(code)!;
    const pays = dispatch.memory.filter((m) => sums.get(m.binding)! > 0 && canBeTexels(m, dispatch, writable));
    const most = pays.sort((a, b) => sums.get(b.binding)! - sums.get(a.binding)!).slice(0, MOST_TEXTURES);
    return new Set(most.map((m) => m.binding));
  };
}

/** Whether a product's kernel itself reads it. */
const isFactor = (bound: BoundMemory, dispatch: Dispatch): boolean =>
  isProduct(dispatch) && dispatch.kernel.bindings.some((b) => b.index === bound.binding);

/** What reading texels saves: of a product's factors, or of what hooks and other kernels read about once. */
function savedNs(bound: BoundMemory, dispatch: Dispatch): number {
  if (isFactor(bound, dispatch)) return OPERATION_NS * dispatch.cost.flops;
  const bytes = piecesOf(bound).reduce((n, m) => n + m.bytes, 0);
  return bytes > CACHED_BYTES ? 0 : BYTE_NS * bytes;
}

/** The textures of a plan, by their rows, and for each dispatch those that it reads, by the bindings. */
export interface PlannedTexels {
  readonly rows: readonly number[];
  readonly numbers: readonly ReadonlyMap<number, number>[];
}

/** Which bindings of these dispatches are read as texels, in which texture. */
export function planTexels(all: readonly Plain[]): PlannedTexels {
  const choose = texelsOf(all);
  const reads = all.map((plain): BoundMemory[] => {
    const texels = choose(plain);
    return plain.dispatch.memory.filter((m) => texels.has(m.binding));
  });
  const textures = new Textures(reads);
  return { rows: textures.rows, numbers: reads.map((own) => textures.take(own)) };
}

const canBeTexels = (bound: BoundMemory, { byFours, kernel }: Dispatch, writable: ReadonlySet<number>): boolean =>
  byFours.has(bound.binding) &&
  !writable.has(bound.binding) &&
  bound.memory.bytes > 0 &&
  rowsOf(bound) <= MOST_TEXEL_ROWS &&
  canRead(kernel, bound.binding);

const readable = new WeakMap<Binding, boolean>();
/** Whether a kernel's text can have texels there; hooks do nothing but read elements. */
function canRead({ source, bindings }: Kernel, binding: number): boolean {
  const own = bindings.find((b) => b.index === binding);
  if (!own) return true;
  const known = readable.get(own) ?? canReadTexels(source, own.name);
  readable.set(own, known);
  return known;
}

/**
 * Gives copies their textures. There are as many as a dispatch reads at most, the first as large as the largest copy, the
 * second as the second largest that a dispatch reads, and so on.
 */
export class Textures {
  /** Rows of each. */
  readonly rows: readonly number[];
  readonly #held: { copy: BoundMemory | undefined; used: number }[];
  #clock = 0;

  /** `all`: what each dispatch reads. */
  constructor(all: readonly (readonly BoundMemory[])[]) {
    const rows: number[] = [];
    for (const reads of all)
      largestFirst(reads).forEach((m, i) => {
        rows[i] = Math.max(rows[i] ?? 0, rowsOf(m));
      });
    this.rows = rows;
    this.#held = rows.map(() => ({ copy: undefined, used: 0 }));
  }

  /**
   * Numbers of the textures in which the next dispatch reads these, by their bindings: one that holds the copy already,
   * or the one used longest ago of those that are large enough.
   */
  take(reads: readonly BoundMemory[]): Map<number, number> {
    this.#clock++;
    const isFree = (number: number): boolean => this.#held[number]!.used < this.#clock;
    const holds = (number: number, m: BoundMemory): boolean => {
      const { copy } = this.#held[number]!;
      return copy !== undefined && readSame(copy, m);
    };
    // Less is better.
    const orderOf = (number: number, m: BoundMemory): number =>
      holds(number, m) ? 0 : this.#held[number]!.used + (reads.some((other) => holds(number, other)) ? this.#clock : 1);
    const copies = largestFirst(reads);
    const numbers = copies.map((m, i) => {
      const free = this.rows.map((_, number) => number).filter(isFree);
      const fitting = free.filter((number) =>
        this.#fits(copies.slice(i), [number, ...free.filter((n) => n !== number)]),
      );
      const number = fitting.sort((a, b) => orderOf(a, m) - orderOf(b, m))[0]!;
      this.#held[number] = { copy: m, used: this.#clock };
      return number;
    });
    const copyOf = (m: BoundMemory): number => copies.findIndex((c) => readSame(c, m));
    return new Map(reads.map((m) => [m.binding, numbers[copyOf(m)]!]));
  }

  /** Whether the first of these copies, largest first, fits the first texture, and the others the others. */
  #fits([first, ...rest]: readonly BoundMemory[], [number, ...others]: readonly number[]): boolean {
    const rows = others.map((other) => this.rows[other]!).sort((a, b) => b - a);
    return rowsOf(first!) <= this.rows[number!]! && rest.every((m, i) => rowsOf(m) <= (rows[i] ?? 0));
  }
}

/** Where each piece of a copy begins, in rows, and where the last ends. */
export function pieceRows(bound: BoundMemory): readonly number[] {
  let end = 0;
  return [0, ...piecesOf(bound).map(({ bytes }) => (end += texelRows(bytes)))];
}
const rowsOf = (bound: BoundMemory): number => pieceRows(bound).at(-1)!;
/** What is read, each memory once. */
const largestFirst = (reads: readonly BoundMemory[]): BoundMemory[] =>
  reads.filter((m, i) => reads.findIndex((other) => readSame(other, m)) === i).sort((a, b) => rowsOf(b) - rowsOf(a));
