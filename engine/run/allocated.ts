// How long the buffers of a plan are. On a CPU adapter small tensors are bound as uniforms, whose bindings are longer
// than they: a buffer is as long as the furthest of them reaches.
import { UNIFORM_BYTES } from "../../kernels/launch.ts";
import type { Storage } from "../plan/memory.ts";
import type { Plan } from "../plan/plan.ts";
import { ownersOf } from "../variable.ts";

/** Bytes of each storage, or of each slot by its number, that uniform bindings reach. */
export function uniformReach(plan: Plan): ReadonlyMap<Storage | number, number> {
  const reach = new Map<Storage | number, number>();
  for (const { memory, uniform } of plan.stages.flatMap((s) => s.dispatches).flatMap((d) => d.memory)) {
    if (!uniform) continue;
    const { storage, offset } = plan.place(memory);
    const of = storage.slot ?? storage;
    reach.set(of, Math.max(reach.get(of) ?? 0, offset + UNIFORM_BYTES));
  }
  return reach;
}

/** Bytes behind a variable's own in its buffer: any part of it may be bound as a uniform on a CPU adapter. */
export const bytesBehindVariables = (cpu: boolean): number => (cpu ? UNIFORM_BYTES : 0);

/** Bytes of all buffers that a plan needs: slots, variables, inputs and what else it keeps. */
export function allocatedBytes(plan: Plan, cpu: boolean): number {
  const reach = uniformReach(plan);
  const long = (bytes: number, of: Storage | number): number => Math.max(bytes, reach.get(of) ?? 0);
  const slots = plan.slotBytes.reduce((sum, bytes, i) => sum + long(bytes, i), 0);
  const kept = plan.storages.reduce((sum, s) => sum + (s.variable ? s.bytes : long(s.bytes, s)), 0);
  const owners = new Set(plan.storages.flatMap(({ variable }) => (variable ? ownersOf(variable) : [])));
  return slots + kept + owners.size * bytesBehindVariables(cpu);
}
