// The slices that a model can learn from: those that were changed, and those that the user calls right.
import type { JSX } from "preact";
import { callRight, edit } from "../edit/editing.ts";
import { image, place } from "../state.ts";

export function CorrectedSlices(): JSX.Element | null {
  const shown = edit.value?.edit;
  if (!image.value) return null;
  const [x, y, z] = place.value;
  const changed = new Set(shown?.changedSlices);
  const corrected = shown?.correctedSlices ?? [];
  return (
    <>
      <h2>Corrected slices</h2>
      <label>
        <input
          type="checkbox"
          checked={changed.has(z) || (shown?.right.has(z) ?? false)}
          disabled={changed.has(z)}
          onChange={(e) => callRight(z, e.currentTarget.checked)}
        />
        axial slice {z + 1} {changed.has(z) ? "was changed" : "is right as it is"}
      </label>
      {corrected.length > 0 && (
        <fieldset class="row slices" aria-label="corrected slices">
          {corrected.map((slice) => (
            <button
              type="button"
              key={slice}
              aria-pressed={slice === z}
              aria-label={`slice ${slice + 1}, ${changed.has(slice) ? "changed" : "right"}`}
              onClick={() => {
                place.value = [x, y, slice];
              }}
            >
              {slice + 1}
              {changed.has(slice) ? "" : " ✓"}
            </button>
          ))}
        </fieldset>
      )}
    </>
  );
}
