// The kernel developer's tab: what this GPU is, how fast kernels are on it, where a network's time goes.
import { signal } from "@preact/signals";
import type { Remote } from "comlink";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { AdapterFacts } from "../adapter-facts.ts";
import { tellError } from "../state.ts";
import { studio } from "../studio.ts";
import type { Kernels as KernelsOfWorker } from "../worker/kernels.ts";
import { AdapterSection } from "./adapter.tsx";
import { BenchSection } from "./bench.tsx";
import { TimelineSection } from "./timeline.tsx";

interface Opened {
  readonly worker: Remote<KernelsOfWorker>;
  readonly facts: AdapterFacts;
  readonly networks: readonly string[];
}
const opened = signal<Opened | undefined>(undefined);

async function open(): Promise<void> {
  if (opened.value) return;
  const worker = (await studio.kernels()) as unknown as Remote<KernelsOfWorker>;
  const [facts, networks] = await Promise.all([worker.adapter(), worker.networks()]);
  opened.value = { worker, facts, networks };
}

export function Kernels(): JSX.Element {
  useEffect(() => {
    open().catch(tellError);
  }, []);
  if (!opened.value) return <p role="status">loading…</p>;
  const { worker, facts, networks } = opened.value;
  return (
    <div class="kernels">
      <AdapterSection facts={facts} />
      <BenchSection worker={worker} />
      <TimelineSection worker={worker} networks={networks} isSoftware={facts.isSoftware} />
    </div>
  );
}
