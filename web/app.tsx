// The page: header with tabs and what is under way, the planes, the panel of the tab.
import { signal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { filesOf, open } from "./files.ts";
import { askForModels } from "./offered-models.ts";
import { Correct } from "./panels/correct.tsx";
import { See } from "./panels/see.tsx";
import { Segment } from "./panels/segment.tsx";
import { TABS, type Tab, image, news, tab, tellError, work } from "./state.ts";
import { studio } from "./studio.ts";
import { PLANES } from "./view/planes.ts";
import { Plane } from "./view/plane.tsx";

const PANELS: Readonly<Partial<Record<Tab, ComponentType>>> = {
  see: See,
  segment: Segment,
  correct: Correct,
  train: later(async () => (await import("./panels/train.tsx")).Train),
  kernels: later(async () => (await import("./panels/kernels.tsx")).Kernels),
};
/** Tabs that are of no image: their panel has the whole page. */
const WHOLE: ReadonlySet<Tab> = new Set(["train", "kernels"]);
/** What the browser computes on. */
const adapter = signal("");
const isOver = signal(false);

export function App(): JSX.Element {
  useEffect(takeDrops, []);
  useEffect(() => {
    askForModels().catch(tellError);
    studio.gpu.name().then((name) => {
      adapter.value = name;
    }, tellError);
  }, []);
  const Panel = PANELS[tab.value] ?? See;
  return (
    <div class={isOver.value ? "studio over" : "studio"}>
      <header>
        <h1>cmedl studio</h1>
        <div class="tabs" role="tablist" aria-label="What to do" onKeyDown={changeTab}>
          {TABS.filter((name) => PANELS[name]).map((name) => (
            <button
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-selected={tab.value === name}
              aria-controls="panel"
              tabIndex={tab.value === name ? 0 : -1}
              onClick={() => {
                tab.value = name;
              }}
            >
              {name[0]!.toUpperCase() + name.slice(1)}
            </button>
          ))}
        </div>
        <small class="adapter">{adapter.value}</small>
      </header>
      <Status />
      <main class={WHOLE.has(tab.value) ? "whole" : ""}>
        {!WHOLE.has(tab.value) && (
          <div class="planes">
            {image.value ? (
              PLANES.map((plane) => <Plane key={plane} plane={plane} />)
            ) : (
              <div class="empty">
                <p>Drop a scan here.</p>
                <p>NIfTI, DICOM folder, NRRD, MetaImage or PNG. It stays on this machine.</p>
              </div>
            )}
          </div>
        )}
        <div class="panel" id="panel" role="tabpanel" aria-labelledby={`tab-${tab.value}`}>
          <Panel />
        </div>
      </main>
    </div>
  );
}

/** A panel whose code is loaded when its tab is first opened. */
function later(load: () => Promise<ComponentType>): ComponentType {
  const loaded = signal<{ readonly Panel: ComponentType } | undefined>(undefined);
  return function Later() {
    useEffect(() => {
      if (loaded.value) return;
      load().then((Panel) => {
        loaded.value = { Panel };
      }, tellError);
    }, []);
    return loaded.value ? <loaded.value.Panel /> : <p role="status">loading…</p>;
  };
}

/** Left and right keys go from tab to tab. */
function changeTab(event: KeyboardEvent): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const names = TABS.filter((name) => PANELS[name]);
  const next = names[(names.indexOf(tab.value) + step + names.length) % names.length]!;
  tab.value = next;
  document.getElementById(`tab-${next}`)?.focus();
}

/** Takes what is dropped anywhere on the page; gives what ends that. */
function takeDrops(): () => void {
  const ended = new AbortController();
  const on = (type: "dragover" | "dragleave" | "drop", f: (event: DragEvent) => void): void =>
    document.addEventListener(type, f, { signal: ended.signal });
  on("dragover", (event) => {
    event.preventDefault();
    isOver.value = true;
  });
  on("dragleave", () => {
    isOver.value = false;
  });
  on("drop", (event) => {
    event.preventDefault();
    isOver.value = false;
    if (event.dataTransfer) filesOf(event.dataTransfer).then(open, tellError);
  });
  return () => ended.abort();
}

function Status(): JSX.Element {
  const running = work.value;
  return (
    <div class="status" role="status" aria-live="polite">
      {running ? (
        <>
          <span>{running.what}</span>
          <progress aria-label={running.what} max={1} value={running.part} />
          <button type="button" onClick={running.stop}>
            Stop
          </button>
        </>
      ) : (
        <span class={news.value?.isError ? "error" : ""}>{news.value?.text ?? ""}</span>
      )}
    </div>
  );
}
