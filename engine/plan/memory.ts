// The words for memory, from an op to a buffer:
//   MemoryHandle (op.ts)      an input, output or scratch, as an op's `lower` sees it
//   Memory (fuse/memory.ts)   a run of bytes of a stored tensor or of scratch: what a dispatch binds
//   Residence (fuse/access.ts) where a stored tensor stands within a joined one
//   Storage                   what has memory of its own: a variable, an input, or what shares a slot
//   Slot (slots.ts)           one buffer that storages share, in turn or side by side
//   Place                     a storage, and a byte in it
import type { Tensor } from "../tensor.ts";
import type { Variable } from "../variable.ts";

export interface Storage {
  readonly kind: "slot" | "own" | "variable" | "input" | "host";
  readonly label: string;
  readonly variable?: Variable;
  /** Name of the program input. */
  readonly input?: string;
  bytes: number;
  /** Stages between which the contents matter. */
  first: number;
  last: number;
  /** Where it lies beside others that dispatches bind as one. */
  lies?: Place;
  /** Index into `Plan.slotBytes`, and where in that slot it starts. */
  slot?: number;
  start?: number;
}

export interface Place {
  readonly storage: Storage;
  /** In bytes. */
  readonly offset: number;
}

/** An input that the host supplies, at `offset` of the host buffer. */
export interface HostInput {
  readonly tensor: Tensor;
  readonly name: string;
  readonly offset: number;
  readonly feed: () => ArrayLike<number>;
}

/** The host buffer starts with the number of the run; each host input follows at a multiple of this many bytes. */
export const HOST_ALIGNMENT = 256;
