// image.json: the file beside an image whose format has no voxel size.
import { DataError, printable } from "../errors.ts";
import type { ImageFile } from "./format.ts";
import type { Scaling } from "./scaling.ts";

export interface Sidecar extends Scaling {
  readonly spacingMm: readonly [number, number, number];
}

const NAME = "image.json";
const example = `{ "spacingMm": [0.8, 0.8, 3] }`;

/** The image.json beside a file. Throws DataError where there is none, or it tells no voxel size. */
export async function sidecarOf(file: ImageFile): Promise<Sidecar> {
  const bytes = await file.beside(NAME);
  if (!bytes)
    throw new DataError(
      file.name,
      "spacing",
      "the format tells no voxel size",
      `write it in mm (columns, rows, slices) to ${NAME} beside the file: ${example}`,
    );
  const name = `${NAME} beside ${printable(file.name)}`;
  const fail = (field: string, problem: string): never => {
    throw new DataError(name, field, problem, `write it as ${example}`);
  };
  let told: { spacingMm?: unknown; slope?: unknown; intercept?: unknown } | null = null;
  try {
    told = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    fail("file", "is no JSON");
  }
  const spacing = told?.spacingMm;
  const isSize = (v: unknown): boolean => typeof v === "number" && v > 0 && v < 1e6;
  if (!Array.isArray(spacing) || spacing.length !== 3 || !spacing.every(isSize))
    return fail("spacingMm", `${printable(JSON.stringify(spacing) ?? "missing", 60)} is not three sizes in mm`);
  const number = (field: "slope" | "intercept", otherwise: number): number => {
    const value = told?.[field] ?? otherwise;
    return typeof value === "number" && Number.isFinite(value) ? value : fail(field, "is no number");
  };
  return {
    spacingMm: spacing as unknown as Sidecar["spacingMm"],
    slope: number("slope", 1),
    intercept: number("intercept", 0),
  };
}
