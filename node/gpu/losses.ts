// What is done where a device is lost: the work goes on upon a new one, unless it is lost at the same place each time.
import { DeviceLostError } from "../../engine/index.ts";

/** Losses at one place after which it is no chance. */
const AT_ONE_PLACE = 3;

export class DeviceLosses {
  #place: string | undefined;
  #times = 0;

  constructor(readonly say: (line: string) => void) {}

  /** Whether work that `error` ended at `place`, told in words, may go on upon a new device; says so where it does. */
  allow(error: unknown, place: string): boolean {
    if (!(error instanceof DeviceLostError)) return false;
    this.#times = place === this.#place ? this.#times + 1 : 1;
    this.#place = place;
    if (this.#times >= AT_ONE_PLACE) return false;
    this.say(`warning: ${error.message.split(";")[0]}; going on upon a new one, ${place}`);
    return true;
  }
}
