// The models that the page's server offers, each to be opened by a button; nothing where it offers none.
import type { JSX } from "preact";
import { offered, openOffered } from "../offered-models.ts";
import { tellError } from "../state.ts";

export function OfferedModels(): JSX.Element | undefined {
  if (offered.value.length === 0) return undefined;
  return (
    <>
      <p id="offered">Or open one that was trained here:</p>
      <ul class="files" aria-labelledby="offered">
        {offered.value.map((name) => (
          <li key={name}>
            <button type="button" onClick={() => void openOffered(name).catch(tellError)}>
              {name}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
