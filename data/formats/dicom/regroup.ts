// Series as their slices tell, where the UIDs are wrong: some programs that take names away give every slice a series
// of its own, and some scanners give two echoes one series.
import { DataError } from "../../errors.ts";
import { type Plane, folderOf } from "./planes.ts";
import type { Series } from "./series.ts";
import { stackOf } from "./stack.ts";

/** Fewer slices are even by chance. */
const LEAST_SLICES = 3;

/**
 * Series whose UIDs hold; in their place, of a folder whose slices have a UID each and make one stack, that stack, and
 * of a series that is no stack, the stacks that its folders hold.
 */
export function regrouped(all: readonly Series[]): Series[] {
  const alone = new Map<string, Series[]>();
  const others: Series[] = [];
  for (const series of all) {
    const [only, second] = series.planes as [Plane, ...Plane[]];
    if (second || !only.position || only.instance.isLocalizer) others.push(...byFolder(series));
    else push(alone, `${folderOf(only.source.name)}\0${likeness(only)}`, series);
  }
  const merged = [...alone.values()].flatMap((single) => {
    const [{ uid }] = single as [Series];
    const planes = single.flatMap((s) => s.planes);
    return planes.length >= LEAST_SLICES && isStack(planes) ? [{ uid, planes }] : single;
  });
  const placeOf = new Map(all.map(({ uid }, i) => [uid, i]));
  return [...others, ...merged].sort((a, b) => placeOf.get(a.uid)! - placeOf.get(b.uid)!);
}

function byFolder(series: Series): Series[] {
  const folders = new Map<string, Plane[]>();
  for (const plane of series.planes) push(folders, folderOf(plane.source.name), plane);
  const stacks = [...folders.values()];
  if (stacks.length < 2 || isStack(series.planes) || !stacks.every(isStack)) return [series];
  return stacks.map((planes) => ({ uid: series.uid, planes }));
}

function push<T>(into: Map<string, T[]>, key: string, value: T): void {
  const all = into.get(key);
  if (all) all.push(value);
  else into.set(key, [value]);
}

/** What slices of one series have in common. */
const likeness = ({ instance, format, marks }: Plane): string =>
  [
    // Studies may be wrong as series are.
    instance.patient.by === "name" ? instance.patient.id : "",
    instance.modality,
    instance.series,
    format.rows,
    format.columns,
    marks.EchoTime,
  ].join("\0");

function isStack(planes: readonly Plane[]): boolean {
  try {
    stackOf(planes, "series");
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}
