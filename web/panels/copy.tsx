// Buttons that copy a result as JSON or as markdown.
import type { JSX } from "preact";
import { say, tellError } from "../state.ts";

export interface CopyProps {
  /** Of what it is, for screen readers and the news. */
  readonly what: string;
  readonly json: () => unknown;
  readonly markdown: () => string;
}

export function Copy({ what, json, markdown }: CopyProps): JSX.Element {
  const copy = (form: string, text: string): void => {
    navigator.clipboard.writeText(text).then(() => say(`${what}: copied as ${form}`), tellError);
  };
  return (
    <>
      <button
        type="button"
        aria-label={`Copy JSON of ${what}`}
        onClick={() => copy("JSON", JSON.stringify(json(), null, 2))}
      >
        Copy JSON
      </button>
      <button type="button" aria-label={`Copy markdown of ${what}`} onClick={() => copy("markdown", markdown())}>
        Copy markdown
      </button>
    </>
  );
}
