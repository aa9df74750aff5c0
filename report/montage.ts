// Rows of slices side by side under a row of labels: what a training run shows of itself after each epoch.
import { type Content, dataUrl, html } from "./markup.ts";
import { type Colour, Picture, colours } from "./picture.ts";

/** One cell: an image [size, size] in [−1, 1], and masks on it: with a contour, and tinted inside unless told. */
export interface Tile {
  readonly values: ArrayLike<number>;
  readonly contours?: readonly {
    readonly mask: ArrayLike<number>;
    readonly colour: Colour;
    readonly side: "inside" | "outside";
    readonly tinted?: boolean;
  }[];
  /** Small text in the lower left corner. */
  readonly note?: string;
}

export interface MontageOptions {
  readonly size: number;
  /** One above each column. */
  readonly labels?: readonly string[];
  readonly title?: string;
  /** Names of contour colours, after the title. */
  readonly legend?: readonly { readonly text: string; readonly colour: Colour }[];
  /** Screen pixels a pixel. Default: so many that a tile is at least 192 wide. */
  readonly scale?: number;
}

const GAP = 1;
/** How much of a mask's colour covers the image: regions show as such, holes as holes. */
const TINT = 0.25;
/** Height of a line of text, and of its letters. */
const LINE = 24;
const LETTERS = 14;
const NOTE = 11;

/** All tiles in one SVG with the text round them, in gaps of one pixel. Rows may be of different length. */
export function montage(
  tiles: readonly (readonly Tile[])[],
  { size, labels = [], title = "", legend = [], scale = Math.max(1, Math.ceil(192 / size)) }: MontageOptions,
): string {
  const step = size * scale + GAP;
  const picture = tilesPicture(tiles, size, scale);
  const { width } = picture;
  const top = title || legend.length ? LINE : 0;
  const head = top + (labels.length ? LINE : 0);
  const height = head + picture.height;
  const line = (y: number): number => y + LINE / 2;
  const ends = legend.map(
    ({ text, colour }, i) => html`<tspan${i ? html` dx="8"` : ""} fill="${hex(colour)}">${text}</tspan>`,
  );
  const noteOf = ({ note }: Tile, row: number, column: number): Content =>
    note &&
    html`
<text class="note" x="${GAP + column * step + 4}" y="${head + (row + 1) * step - 6}">${note}</text>`;
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<style>
  text { font: ${LETTERS}px system-ui, sans-serif; fill: #fff; dominant-baseline: central }
  .label { text-anchor: middle }
  .legend { text-anchor: end }
  .note { font-size: ${NOTE}px; dominant-baseline: auto; stroke: #000; stroke-width: 2px; paint-order: stroke }
</style>
<rect width="100%" height="100%" fill="${hex(colours.dark)}"/>
<image y="${head}" width="${width}" height="${picture.height}" href="${dataUrl("image/png", picture.png())}"/>
<text x="4" y="${line(0)}">${title}</text>
<text class="legend" x="${width - 4}" y="${line(0)}">${ends}</text>${labels.map(
    (label, c) => html`
<text class="label" x="${(c + 0.5) * step}" y="${line(top)}">${label}</text>`,
  )}${tiles.map((row, r) => row.map((tile, c) => noteOf(tile, r, c)))}
</svg>
`.text;
}

/** The tiles alone, without text. */
function tilesPicture(tiles: readonly (readonly Tile[])[], size: number, scale: number): Picture {
  const step = size * scale + GAP;
  const columns = Math.max(1, ...tiles.map((row) => row.length));
  const picture = new Picture(columns * step + GAP, tiles.length * step + GAP, colours.dark);
  tiles.forEach((row, r) =>
    row.forEach((tile, c) => {
      const x = GAP + c * step;
      const y = GAP + r * step;
      if (tile.values.length !== size * size)
        throw new RangeError(`montage: a tile of ${tile.values.length} values is not ${size} × ${size}`);
      picture.grey(tile.values, size, size, x, y, scale);
      const contours = tile.contours ?? [];
      for (const { mask, colour } of contours.filter(({ tinted = true }) => tinted))
        picture.tint(mask, size, size, x, y, scale, colour, TINT);
      for (const { mask, colour, side } of contours) picture.contour(mask, size, size, x, y, scale, colour, side);
    }),
  );
  return picture;
}

const hex = (colour: Colour): string => `#${colour.map((v) => v.toString(16).padStart(2, "0")).join("")}`;

/** One row of the picture of an epoch; every image [size, size] in [−1, 1]. */
export interface EpochRow {
  readonly ct: ArrayLike<number>;
  /** Absent where nothing is translated. */
  readonly pseudoMr?: ArrayLike<number>;
  /** The teacher's mask of the pseudo MR. */
  readonly teacher?: ArrayLike<number>;
  readonly cycledCt?: ArrayLike<number>;
  /** A real slice of the teacher's modality, of another patient, and its expert's mask. */
  readonly realMr?: { readonly image: ArrayLike<number>; readonly expert: ArrayLike<number> };
  /** The student's mask and the expert's, of 0 and 1 or of class numbers. */
  readonly prediction: ArrayLike<number>;
  readonly expert: ArrayLike<number>;
  readonly note?: string;
  /** Beside the prediction, such as its Dice. */
  readonly score?: string;
}

const classColours: readonly Colour[] = [
  colours.expert,
  colours.blue,
  colours.green,
  colours.orange,
  colours.violet,
  colours.algorithm,
];

const classColour = (k: number): Colour => classColours[k % classColours.length]!;

/** Contours of each class 1, 2, … of a mask in a colour of its own. */
export const byClass = (mask: ArrayLike<number>, classes: number): NonNullable<Tile["contours"]> =>
  Array.from({ length: classes }, (_, k) => ({
    mask: Uint8Array.from(mask, (v) => (v === k + 1 ? 1 : 0)),
    colour: classColour(k),
    side: "inside",
  }));

/**
 * CT | pseudo MR | real MR | cycled CT | CT with the expert's mask (yellow, inside) and the algorithm's (red, outside).
 * The teacher's mask is on the pseudo MR, the real MR's own on it; columns that no row has are left out. With several
 * classes, named by `classes`, the last column becomes two: the expert's contours and the algorithm's, each class in a
 * colour of its own.
 */
export function epochPicture(
  rows: readonly EpochRow[],
  size: number,
  title: string,
  classes: readonly string[] = [],
): string {
  const several = classes.length > 1;
  const hasPseudo = rows.some((r) => r.pseudoMr);
  const hasReal = rows.some((r) => r.realMr);
  const hasCycled = rows.some((r) => r.cycledCt);
  const black = new Float32Array(size * size).fill(-1);
  const tiles = rows.map((r): Tile[] => [
    { values: r.ct, note: r.note },
    ...(hasPseudo
      ? [{ values: r.pseudoMr ?? black, contours: r.teacher && masksOf(r.teacher, "algorithm", classes) }]
      : []),
    ...(hasReal
      ? [{ values: r.realMr?.image ?? black, contours: r.realMr && masksOf(r.realMr.expert, "expert", classes) }]
      : []),
    ...(hasCycled ? [{ values: r.cycledCt ?? black }] : []),
    ...(several
      ? [
          { values: r.ct, contours: masksOf(r.expert, "expert", classes) },
          { values: r.ct, contours: masksOf(r.prediction, "algorithm", classes), note: r.score },
        ]
      : [
          {
            values: r.ct,
            contours: [...masksOf(r.expert, "expert", classes), ...masksOf(r.prediction, "algorithm", classes)],
            note: r.score,
          },
        ]),
  ]);
  return montage(tiles, {
    size,
    title,
    labels: [
      "image",
      ...(hasPseudo ? ["pseudo"] : []),
      ...(hasReal ? ["real, other patient"] : []),
      ...(hasCycled ? ["cycled"] : []),
      ...(several ? ["expert", "algorithm"] : ["segmentation"]),
    ],
    legend: several
      ? classes.map((text, k) => ({ text, colour: classColour(k) }))
      : [
          { text: "expert", colour: colours.expert },
          { text: "algorithm", colour: colours.algorithm },
        ],
  });
}

/** A mask of 0 and 1, or the masks of several classes, as a tile has them. */
function masksOf(
  mask: ArrayLike<number>,
  by: "expert" | "algorithm",
  classes: readonly string[],
): NonNullable<Tile["contours"]> {
  if (classes.length > 1) return byClass(mask, classes.length);
  return [{ mask, colour: colours[by], side: by === "expert" ? "inside" : "outside" }];
}
