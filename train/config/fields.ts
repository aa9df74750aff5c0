// The kinds of fields that a configuration is described with: what a value may be, what it means, what it is by
// default.

/** A value of its own. `says` is its meaning in a line; `expects` completes "give …". */
export interface Field<T> {
  readonly says: string;
  readonly default: T;
  readonly expects: string;
  /** Where only these are right. */
  readonly choices?: readonly unknown[];
  /** Where a kind of several may be given without it: then it is the default. */
  readonly isOptional?: true;
  /** A file or folder, relative to the file that names it. */
  readonly isPath?: true;
  accepts(value: unknown): boolean;
}

/** Fields under one name. */
export interface Group<F extends Fields = Fields> {
  readonly says: string;
  readonly fields: F;
}

/** A group of which there are several kinds, told apart by the field `kind`. */
export interface Variants<T = unknown> {
  readonly says: string;
  readonly default: T;
  readonly variants: Readonly<Record<string, Fields>>;
}

export type Node = Field<unknown> | Group | Variants;
export interface Fields {
  readonly [name: string]: Node;
}

/** The plain object that fields describe. */
export type ValueOf<F extends Fields> = {
  -readonly [K in keyof F]: F[K] extends Group<infer G>
    ? ValueOf<G>
    : F[K] extends Field<infer T> | Variants<infer T>
      ? T
      : never;
};

export const isGroup = (node: Node): node is Group => "fields" in node;
export const isVariants = (node: Node): node is Variants => "variants" in node;

export const group = <F extends Fields>(says: string, fields: F): Group<F> => ({ says, fields });

export interface Range {
  readonly from?: number;
  readonly to?: number;
  readonly above?: number;
  readonly below?: number;
}

/** A finite number within the range. */
export const number = (value: number, range: Range, says: string): Field<number> => ({
  says,
  default: value,
  expects: `a number${rangeText(range)}`,
  accepts: (v) => typeof v === "number" && Number.isFinite(v) && within(v, range),
});

/** A whole number within the range. */
export const whole = (value: number, range: Range, says: string): Field<number> => ({
  says,
  default: value,
  expects: `a whole number${rangeText(range)}`,
  accepts: (v) => Number.isSafeInteger(v) && within(v as number, range),
});

export const choice = <const C extends readonly (string | number | boolean)[]>(
  choices: C,
  value: C[number],
  says: string,
): Field<C[number]> => ({
  says,
  default: value,
  choices,
  expects: choices.length === 1 ? String(choices[0]) : `one of ${choices.join(", ")}`,
  accepts: (v) => choices.includes(v as C[number]),
});

/** A file or folder. */
export const path = (says: string): Field<string> => ({
  says,
  default: "",
  isPath: true,
  expects: "a path",
  accepts: (v) => typeof v === "string",
});

/** Words on one line, at most `most` characters. */
export const words = (most: number, says: string): Field<string> => ({
  says,
  default: "",
  expects: `words of at most ${most} characters`,
  accepts: (v) => typeof v === "string" && v.trim() !== "" && v.length <= most && !/\p{C}/u.test(v),
});

/** What the field takes, or null: the default unless another is given. */
export const orNull = <T>(field: Field<T>, value: T | null = null): Field<T | null> => ({
  ...field,
  default: value,
  expects: `${field.expects}, or null`,
  accepts: (v) => v === null || field.accepts(v),
});

/** The field, which those who name its kind need not give. */
export const optional = <T>(field: Field<T>): Field<T> => ({ ...field, isOptional: true });

/** A list of values that `item` takes, of a length within the range; no value twice. */
export const listOf = <T>(item: Field<T>, value: readonly T[], length: Range, says: string): Field<readonly T[]> => ({
  says,
  default: value,
  expects: `a list [a, b, …]${lengthText(length)}, each ${item.expects} and none twice`,
  accepts: (v) =>
    Array.isArray(v) && within(v.length, length) && v.every((x) => item.accepts(x)) && new Set(v).size === v.length,
});

export const isPair = (v: unknown): v is [number, number] =>
  Array.isArray(v) && v.length === 2 && v.every((x) => typeof x === "number");

/** Two numbers, both of the range. */
export const pair = (
  value: readonly [number, number],
  range: Range,
  says: string,
): Field<readonly [number, number]> => ({
  says,
  default: value,
  expects: `two numbers [a, b], each${rangeText(range)}`,
  accepts: (v) => isPair(v) && v.every((x) => within(x, range)),
});

export const variants = <T extends { readonly kind: string }>(
  kinds: { readonly [K in T["kind"]]: Fields },
  value: T,
  says: string,
): Variants<T> => ({ says, default: value, variants: kinds });

/** The object of all defaults. */
export const defaultsOf = <F extends Fields>(fields: F): ValueOf<F> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, node]) => [
      name,
      isGroup(node) ? defaultsOf(node.fields) : structuredClone(node.default),
    ]),
  ) as ValueOf<F>;

const within = (v: number, { from = -Infinity, to = Infinity, above = -Infinity, below = Infinity }: Range): boolean =>
  v >= from && v <= to && v > above && v < below;

const lengthText = ({ from, to }: Range): string => (from === undefined ? "" : ` of ${from} to ${to} values`);

function rangeText({ from, to, above, below }: Range): string {
  if (from !== undefined && to !== undefined) return from === to ? ` of ${from}` : ` from ${from} to ${to}`;
  const sides = [
    [from, "of at least"],
    [above, "above"],
    [to, from === undefined && above === undefined ? "of at most" : "at most"],
    [below, "below"],
  ].filter(([n]) => n !== undefined);
  return sides.length ? ` ${sides.map(([n, side]) => `${side} ${n}`).join(" and ")}` : "";
}
