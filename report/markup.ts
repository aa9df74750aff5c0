// HTML and SVG as values: what is put between the tags is escaped, unless it is markup already.

/** Text that is HTML. */
export class Markup {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

export type Content = Markup | string | number | undefined | readonly Content[];

const ESCAPED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Control characters show nothing and are not allowed in HTML. */
const CONTROL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g;

const escapeHtml = (text: string): string => text.replace(CONTROL, "\u{FFFD}").replace(/[&<>"']/g, (c) => ESCAPED[c]!);

function textOf(content: Content): string {
  if (content === undefined) return "";
  if (content instanceof Markup) return content.text;
  if (typeof content === "object") return content.map(textOf).join("");
  return escapeHtml(String(content));
}

/** Markup of a template: html`<p>${text}</p>` escapes `text`; lists are joined, undefined is nothing. */
export const html = (strings: TemplateStringsArray, ...values: Content[]): Markup =>
  new Markup(strings.reduce((all, part, i) => all + textOf(values[i - 1]) + part));

/** A table, which scrolls where the page is narrow, by keys too; the first column holds names, the others numbers. */
export const tableMarkup = (head: readonly Content[], rows: readonly (readonly Content[])[]): Markup => html`
<div class="wide" tabindex="0"><table>
<thead><tr>${head.map((cell) => html`<th>${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;

export type PictureType = "image/png" | "image/svg+xml";

/** A picture's bytes as the address of an image: what scripts they may hold don't run. */
export const dataUrl = (type: PictureType, bytes: Uint8Array): string => `data:${type};base64,${base64(bytes)}`;

function base64(bytes: Uint8Array): string {
  const CHUNK = 0x8000;
  let text = "";
  for (let i = 0; i < bytes.length; i += CHUNK) text += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return btoa(text);
}
