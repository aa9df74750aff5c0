// A table of numbers that scrolls in itself where it is wider or longer than its place.
import type { ComponentChildren, JSX } from "preact";

export interface FiguresProps {
  readonly label: string;
  readonly heads: readonly string[];
  /** Rows, of a heading and numbers. */
  readonly children: ComponentChildren;
}

export function Figures({ label, heads, children }: FiguresProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys can scroll only what has the focus
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table class="figures">
        <thead>
          <tr>
            {heads.map((head) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}
