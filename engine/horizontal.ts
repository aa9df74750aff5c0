// Equal, independent dispatches in one (horizontal fusion): run/bring-horizontal.ts brings it, so that pages which gain
// nothing by it are without it.
import { Part } from "./part.ts";
import type { joinEqual, joiningPays } from "./plan/horizontal.ts";
import type { withParts } from "./wgsl/parts.ts";

export interface Horizontal {
  readonly pays: typeof joiningPays;
  readonly join: typeof joinEqual;
  readonly rewrite: typeof withParts;
}

export const horizontal = new Part<Horizontal>();
