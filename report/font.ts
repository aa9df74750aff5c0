// A 5 × 7 bitmap font: capitals, digits and punctuation; small letters are drawn as capitals. A glyph has seven rows;
// bit 4 of a row is the left column.
import type { Colour, Picture } from "./picture.ts";

const rows = `
A 0e 11 11 1f 11 11 11|B 1e 11 11 1e 11 11 1e|C 0e 11 10 10 10 11 0e|D 1e 11 11 11 11 11 1e|E 1f 10 10 1e 10 10 1f
F 1f 10 10 1e 10 10 10|G 0e 11 10 17 11 11 0f|H 11 11 11 1f 11 11 11|I 0e 04 04 04 04 04 0e|J 07 02 02 02 02 12 0c
K 11 12 14 18 14 12 11|L 10 10 10 10 10 10 1f|M 11 1b 15 15 11 11 11|N 11 19 15 15 13 11 11|O 0e 11 11 11 11 11 0e
P 1e 11 11 1e 10 10 10|Q 0e 11 11 11 15 12 0d|R 1e 11 11 1e 14 12 11|S 0f 10 10 0e 01 01 1e|T 1f 04 04 04 04 04 04
U 11 11 11 11 11 11 0e|V 11 11 11 11 11 0a 04|W 11 11 11 15 15 1b 11|X 11 11 0a 04 0a 11 11|Y 11 11 0a 04 04 04 04
Z 1f 01 02 04 08 10 1f|0 0e 11 13 15 19 11 0e|1 04 0c 04 04 04 04 0e|2 0e 11 01 06 08 10 1f|3 1f 02 04 02 01 11 0e
4 02 06 0a 12 1f 02 02|5 1f 10 1e 01 01 11 0e|6 06 08 10 1e 11 11 0e|7 1f 01 02 04 08 08 08|8 0e 11 11 0e 11 11 0e
9 0e 11 11 0f 01 02 0c|. 00 00 00 00 00 0c 0c|, 00 00 00 00 0c 04 08|: 00 0c 0c 00 0c 0c 00|; 00 0c 0c 00 0c 04 08
- 00 00 00 1f 00 00 00|_ 00 00 00 00 00 00 1f|+ 00 04 04 1f 04 04 00|= 00 00 1f 00 1f 00 00|/ 01 01 02 04 08 10 10
( 02 04 08 08 08 04 02|) 08 04 02 02 02 04 08|% 18 19 02 04 08 13 03|! 04 04 04 04 04 00 04|? 0e 11 01 02 04 00 04
* 00 15 0e 1f 0e 15 00|# 0a 0a 1f 0a 1f 0a 0a|< 02 04 08 10 08 04 02|> 08 04 02 01 02 04 08|' 04 04 08 00 00 00 00
" 0a 0a 0a 00 00 00 00|[ 0e 08 08 08 08 08 0e|] 0e 02 02 02 02 02 0e|& 0c 12 14 08 15 12 0d|@ 0e 11 01 0d 15 15 0e`;

/** Seven rows of bits by character. */
const glyphs: ReadonlyMap<string, readonly number[]> = new Map(rows.trim().split(/[|\n]/).map(glyphOf));

/** "A 0e 11 …": a character and its rows. */
function glyphOf(text: string): readonly [string, readonly number[]] {
  const [character = "", ...hex] = text.split(" ");
  return [character, hex.map((h) => parseInt(h, 16))];
}

/** What a label may hold besides, and how it is drawn. */
const alias: Readonly<Record<string, string>> = { "–": "-", "—": "-", "−": "-", "×": "X", "·": ".", "…": "." };
const unknown = [0x1f, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1f];

export const glyphHeight = 7;
/** Width of a text in pixels at scale 1: five a glyph and one between. */
export const textWidth = (text: string, scale = 1): number => Math.max(0, [...text].length * 6 - 1) * scale;

/** Draws text with its upper left corner at (x, y); what lies outside the picture is cut off. */
export function drawText(picture: Picture, text: string, x: number, y: number, colour: Colour, scale = 1): void {
  for (const [at, character] of [...text].entries()) {
    if (character === " ") continue;
    const upper = character.toUpperCase();
    const glyph = glyphs.get(alias[upper] ?? upper) ?? unknown;
    for (let r = 0; r < glyphHeight * scale; r++) {
      const row = glyph[Math.floor(r / scale)]!;
      for (let c = 0; c < 5 * scale; c++)
        if ((row >> (4 - Math.floor(c / scale))) & 1) picture.set(x + at * 6 * scale + c, y + r, colour);
    }
  }
}

/** The characters that have a glyph of their own. */
export const knownCharacters: readonly string[] = [...glyphs.keys()];
