// Where the elements of strided views stand as a loop runs: index expressions, and whether four can be taken at once.
import type { View } from "../op.ts";
import { type Shape, sizeOf } from "../shape.ts";
import type { HookContext } from "./context.ts";

/** One loop variable of a hook and the domain dimensions it enumerates, row-major. */
export interface LoopVariable {
  readonly name: string;
  readonly dims: readonly number[];
}

/** The dimensions of one loop variable, as few as the views allow. */
interface Collapsed {
  readonly sizes: readonly number[];
  /** Strides of each view over the collapsed dimensions, by view. */
  readonly strides: readonly (readonly number[])[];
}

/** Merges neighbouring dimensions that every view walks in step, and drops those of size 1. */
function collapse(domain: Shape, dims: readonly number[], views: readonly View[]): Collapsed {
  const sizes: number[] = [];
  const strides: number[][] = views.map(() => []);
  for (const d of dims) {
    const size = domain[d]!;
    if (size === 1) continue;
    const last = sizes.length - 1;
    const merges = last >= 0 && views.every((v, i) => strides[i]![last] === v.strides[d]! * size);
    if (merges) {
      sizes[last]! *= size;
      views.forEach((v, i) => {
        strides[i]![last] = v.strides[d]!;
      });
    } else {
      sizes.push(size);
      views.forEach((v, i) => strides[i]!.push(v.strides[d]!));
    }
  }
  return { sizes, strides };
}

/** Size of the innermost dimension that is left after merging; 1 where none is. */
export const innerSize = (
  domain: Shape,
  loop: readonly LoopVariable[],
  inner: number,
  views: readonly View[],
): number => collapse(domain, loop[inner]!.dims, views).sizes.at(-1) ?? 1;

/**
 * Whether every stride of a view but the innermost one of loop variable `inner`, and its offset, is a multiple of
 * four.
 */
const startsAtFours = (groups: readonly Collapsed[], inner: number, view: number, { offset }: View): boolean =>
  offset % 4 === 0 &&
  groups.every(({ strides }, g) =>
    strides[view]!.every((s, d, all) => (g === inner && d === all.length - 1) || s % 4 === 0),
  );

/** Whether the loop variable's innermost collapsed dimension can be taken four at a time for all these views. */
export function vectorizes(
  domain: Shape,
  loop: readonly LoopVariable[],
  inner: number,
  views: readonly View[],
): boolean {
  if (sizeOf(domain) === 0) return false;
  const groups = loop.map((l) => collapse(domain, l.dims, views));
  const { sizes, strides } = groups[inner]!;
  const size = sizes.at(-1);
  if (size === undefined || size % 4 !== 0) return false;
  return views.every((v, i) => {
    const step = strides[i]!.at(-1);
    return step === 0 || (step === 1 && startsAtFours(groups, inner, i, v));
  });
}

/** Places values of views over loop variables: index expressions, each coordinate computed once. */
export class Indexer {
  /** Statements that compute the coordinates, by loop variable. */
  readonly lines: string[][];
  readonly #coordinates: string[][] = [];
  readonly #groups: readonly Collapsed[];

  /** `inner`: the loop variable whose innermost dimension counts in steps of the context's width. */
  constructor(
    readonly context: HookContext,
    domain: Shape,
    readonly loop: readonly LoopVariable[],
    readonly inner: number,
    readonly views: readonly View[],
  ) {
    this.#groups = loop.map((l) => collapse(domain, l.dims, views));
    this.lines = loop.map(() => []);
    this.#groups.forEach(({ sizes }, g) => this.#coordinates.push(this.#coordinatesOf(sizes, g)));
  }

  /** Names of the coordinates of loop variable `g`, whose statements it writes. */
  #coordinatesOf(sizes: readonly number[], g: number): string[] {
    const lines = this.lines[g]!;
    const names = sizes.map((_, d) => `c${g}_${d}`);
    let rest = this.loop[g]!.name;
    for (let d = sizes.length - 1; d > 0; d--) {
      const name = names[d]!;
      const isInner = d === sizes.length - 1 && g === this.inner;
      const n = this.context.number(isInner ? sizes[d]! / this.context.width : sizes[d]!);
      lines.push(`let ${name}q = ${rest} / ${n};`, `let ${name} = ${rest} - ${name}q * ${n};`);
      rest = `${name}q`;
    }
    if (sizes.length > 0) lines.push(`let ${names[0]} = ${rest};`);
    return names;
  }

  /** Stride of view `v` along the dimension that is taken `width` at a time; 0 where there is none. */
  innerStride(v: number): number {
    return this.#groups[this.inner]!.strides[v]!.at(-1) ?? 0;
  }

  /** Whether view `v` walks the innermost dimension by ones from multiples of four. */
  aligned(v: number): boolean {
    return this.innerStride(v) === 1 && startsAtFours(this.#groups, this.inner, v, this.views[v]!);
  }

  /**
   * Index of view `v`: of the first element, in units of `scale`. Views that are walked alike in hooks of one dispatch
   * have the same text, so that a driver's compiler sees what is loaded twice.
   */
  index(v: number, scale: 1 | 4 = 1): string {
    const { offset } = this.views[v]!;
    const walks = this.#groups.map(({ sizes, strides }) => [sizes, strides[v]!] as const);
    const { indices } = this.context;
    const key = JSON.stringify([this.inner, scale, offset, walks]);
    indices[key] ??= this.#index(offset, walks, scale);
    return indices[key];
  }

  #index(
    offset: number,
    walks: readonly (readonly [sizes: readonly number[], strides: readonly number[]])[],
    scale: 1 | 4,
  ): string {
    const { context } = this;
    const terms: string[] = [];
    // What is read for several places, parameters and statistics, may be part of an arena: also where it is the first
    // part, so that layers share a pipeline.
    if (offset !== 0 || walks.some(([, strides]) => strides.includes(0))) terms.push(context.number(offset / scale));
    walks.forEach(([, strides], g) =>
      strides.forEach((stride, d) => {
        if (stride === 0) return;
        const isInner = g === this.inner && d === strides.length - 1;
        const factor = (isInner ? stride * context.width : stride) / scale;
        const c = this.#coordinates[g]![d]!;
        terms.push(factor === 1 ? c : `${c} * ${context.number(factor)}`);
      }),
    );
    return terms.join(" + ") || "0u";
  }
}
