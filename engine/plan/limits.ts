// Whether a device can hold a plan: no binding, buffer or dispatch of it is larger than the device allows.
import { LimitExceededError } from "../errors.ts";
import { isScratch } from "../fuse/memory.ts";
import type { BindingLimits } from "../fuse/stage.ts";
import { show } from "../shape.ts";
import type { Plan, PlannedDispatch } from "./plan.ts";

export interface PlanLimits extends BindingLimits {
  readonly maxBufferBytes: number;
  /** Of one dimension of a dispatch. */
  readonly maxWorkgroups: number;
}

const MEND = "make the batch or the image smaller";

/** Throws LimitExceededError, which names `name`, for the first dispatch or buffer that is too large. */
export function checkLimits(name: string, plan: Plan, limits: PlanLimits): void {
  for (const { dispatches } of plan.stages) for (const d of dispatches) checkDispatch(name, d, limits);
  const most = limits.maxBufferBytes;
  for (const { label, bytes } of plan.storages) if (bytes > most) throw tooLong(name, label, bytes, most);
  plan.slotBytes.forEach((bytes, slot) => {
    if (bytes > most) throw tooLong(name, longestIn(plan, slot), bytes, most);
  });
}

const tooLong = (name: string, what: string, bytes: number, most: number): LimitExceededError =>
  new LimitExceededError(`${name}: ${what} needs ${bytes} bytes, this device's buffers hold at most ${most}; ${MEND}`);

/** The longest tensor that a slot holds, in words. */
function longestIn(plan: Plan, slot: number): string {
  const bound = plan.stages.flatMap(({ dispatches }) => dispatches.flatMap((d) => d.memory));
  const storages = bound.map(({ memory }) => plan.place(memory).storage).filter((s) => s.slot === slot);
  return storages.reduce((most, s) => (s.bytes > most.bytes ? s : most)).label;
}

function checkDispatch(name: string, d: PlannedDispatch, { maxBindingBytes, maxWorkgroups }: PlanLimits): void {
  const large = d.memory.find(({ memory }) => memory.bytes > maxBindingBytes);
  if (large) {
    const { content, bytes } = large.memory;
    const does = large.access === "read" ? "reads" : "writes";
    const what = isScratch(content) ? "scratch memory" : `${content}`;
    throw new LimitExceededError(
      `${name}: ${d.label} ${does} ${what} of ${bytes} bytes at once, this device binds at most ` +
        `${maxBindingBytes}; ${MEND}, or keep it as several tensors`,
    );
  }
  if (d.workgroups.some((n) => n > maxWorkgroups))
    throw new LimitExceededError(
      `${name}: ${d.label} needs ${show(d.workgroups)} workgroups, a dimension holds at most ${maxWorkgroups}; ${MEND}`,
    );
}
