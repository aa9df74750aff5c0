// --tolerance, of the commands that measure surface Dice.
import { CommandError } from "../node/errors.ts";

export const TOLERANCE_FLAG = "--tolerance <mm>";
/** Our choice: the paper's is not in its text. */
const DEFAULT_MM = 3;
export const TOLERANCE_SAYS = `tolerance of surface Dice (${DEFAULT_MM})`;

/** The millimetres, 0 or more, that a flag's text says; 3 where the flag is not given. Throws CommandError. */
export function toleranceOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MM;
  const toleranceMm = text.trim() === "" ? NaN : Number(text);
  if (!(toleranceMm >= 0 && Number.isFinite(toleranceMm)))
    throw new CommandError("usage", `--tolerance ${text.trim() === "" ? '""' : text}: give millimetres, 0 or more`);
  return toleranceMm;
}
