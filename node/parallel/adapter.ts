// Which of a machine's GPUs a rank computes on. Dawn opens adapters by name alone: of several that are called the same
// it opens the first, unless the launcher shows each process another one.
import { type ListedAdapter, keptForever, loadDawn, parseAdapterList } from "../gpu/open.ts";
import { overhear } from "../gpu/quiet-stderr.ts";

/** What to open, absent where there is no choice; and what to tell of it. */
export interface RankAdapter {
  readonly device?: string;
  readonly warning?: string;
}

/** The adapter of the `localRank`-th process of this machine. Throws as openNodeGpu. */
export async function adapterOfRank(localRank: number): Promise<RankAdapter> {
  return pickAdapter(await adaptersHere(), localRank);
}

/** GPUs go round among ranks, by name. */
export function pickAdapter(adapters: readonly ListedAdapter[], localRank: number): RankAdapter {
  const gpus = adapters.filter(({ software }) => !software).map(({ name }) => name);
  const names = [...new Set(gpus)];
  const device = names.length > 1 ? { device: names[localRank % names.length]! } : {};
  const twin = names.find((name) => gpus.filter((other) => other === name).length > 1);
  if (twin === undefined) return device;
  return {
    ...device,
    warning:
      `warning: several GPUs are called ${twin}, of which Dawn opens the first for every rank; ` +
      "have the launcher show each process its own, as `srun --gpus-per-task=1` or a container a rank does",
  };
}

/** Dawn's refusal of an unknown name lists what there is. */
async function adaptersHere(): Promise<ListedAdapter[]> {
  const dawn = await loadDawn([]);
  const { value } = overhear(true, () => {
    const gpu = dawn.create(["adapter=no adapter has this name"]);
    keptForever.push(gpu);
    return gpu.requestAdapter();
  });
  try {
    await value;
    return [];
  } catch (error) {
    return parseAdapterList(String(error));
  }
}
