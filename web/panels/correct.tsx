// The mask corrected by hand, and a model that learns from it.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { BrushRing } from "../edit/ring.tsx";
import { edit, editShown, label, redo, startFrom, undo } from "../edit/editing.ts";
import { BRUSH_MM, brush, brushMm, eraser, fill, inDepth, remove, resizeBrush } from "../edit/tools.ts";
import { expert, image, mask } from "../state.ts";
import { ALGORITHM, css } from "../view/plane.tsx";
import { pointer, tool } from "../view/tools.ts";
import { CorrectedSlices } from "./corrected-slices.tsx";
import { Learning } from "./learning.tsx";

const TOOLS = [pointer, brush, eraser, fill, remove];

export function Correct(): JSX.Element {
  useEffect(begin, []);
  const shown = edit.value;
  const isIdle = !image.value;
  return (
    <section aria-label="Correct">
      {isIdle && <p>Open an image first, under See.</p>}
      <h2>Start from</h2>
      <fieldset class="row" disabled={isIdle} aria-label="Start from">
        <button type="button" disabled={!shown?.isGiven} onClick={() => startFrom("algorithm")}>
          algorithm's mask
        </button>
        <button type="button" disabled={!expert.value} onClick={() => startFrom("expert")}>
          expert's
        </button>
        <button type="button" onClick={() => startFrom("empty")}>
          empty
        </button>
      </fieldset>
      <h2>Draw</h2>
      <fieldset class="row" disabled={isIdle} aria-label="Tool">
        {TOOLS.map((one) => (
          <button
            type="button"
            title={one.says}
            aria-pressed={tool.value === one}
            onClick={() => {
              tool.value = one;
            }}
          >
            {one.name}
          </button>
        ))}
      </fieldset>
      <p class="note">{tool.value.says}</p>
      <Labels />
      <label>
        size
        <input
          type="range"
          min={BRUSH_MM.least}
          max={BRUSH_MM.most}
          value={brushMm.value}
          aria-keyshortcuts="[ ]"
          onInput={(e) => {
            brushMm.value = Number(e.currentTarget.value);
          }}
        />
        <span class="numbers">{brushMm.value} mm</span>
      </label>
      <label>
        <input
          type="checkbox"
          checked={inDepth.value}
          onChange={(e) => {
            inDepth.value = e.currentTarget.checked;
          }}
        />
        through slices: a ball, not a disc
      </label>
      <div class="row">
        <button type="button" disabled={!shown?.edit.canUndo} aria-keyshortcuts="Control+Z" onClick={undo}>
          Undo
        </button>
        <button type="button" disabled={!shown?.edit.canRedo} aria-keyshortcuts="Control+Shift+Z" onClick={redo}>
          Redo
        </button>
      </div>
      <CorrectedSlices />
      <Learning />
      <BrushRing />
    </section>
  );
}

/** The label that is drawn, where there are several. */
function Labels(): JSX.Element | null {
  const labels = mask.value?.labels ?? [];
  if (labels.length < 2) return null;
  return (
    <fieldset class="row">
      <legend>Label</legend>
      {labels.map(({ value, name }) => (
        <button
          type="button"
          key={value}
          aria-pressed={label.value === value}
          onClick={() => {
            label.value = value;
          }}
        >
          <span class="swatch" style={{ background: css(ALGORITHM[(value - 1) % ALGORITHM.length]!) }} /> {name}
        </button>
      ))}
    </fieldset>
  );
}

/** Takes the brush, and hears keys while the panel is shown; gives what ends that. */
function begin(): () => void {
  if (mask.peek()) editShown();
  tool.value = brush;
  document.addEventListener("keydown", hear);
  return () => {
    document.removeEventListener("keydown", hear);
    tool.value = pointer;
  };
}

function hear(event: KeyboardEvent): void {
  const isCommand = event.ctrlKey || event.metaKey;
  const pressed = event.key.toLowerCase();
  if (isCommand && pressed === "z") (event.shiftKey ? redo : undo)();
  else if (isCommand && pressed === "y") redo();
  else if (!isCommand && pressed === "[") resizeBrush(-1);
  else if (!isCommand && pressed === "]") resizeBrush(1);
  else return;
  event.preventDefault();
}
