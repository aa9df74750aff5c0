// Rows of slices side by side under a row of labels: what a training run shows of itself after each epoch.
import { drawText, glyphHeight, textWidth } from "./font.ts";
import { type Colour, Picture, colours } from "./picture.ts";

/** One cell: an image [size, size] in [−1, 1], and masks on it: tinted inside, with a contour. */
export interface Tile {
  readonly values: ArrayLike<number>;
  readonly contours?: readonly {
    readonly mask: ArrayLike<number>;
    readonly colour: Colour;
    readonly side: "inside" | "outside";
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

/** All tiles in one picture, with gaps of one pixel. Rows may be of different length. */
export function montage(
  tiles: readonly (readonly Tile[])[],
  { size, labels, title, legend, scale = Math.max(1, Math.ceil(192 / size)) }: MontageOptions,
): Picture {
  const side = size * scale;
  const columns = Math.max(1, ...tiles.map((row) => row.length));
  const line = glyphHeight * 2 + 8;
  const head = (title || legend?.length ? line : 0) + (labels?.length ? line : 0);
  const picture = new Picture(columns * (side + GAP) + GAP, head + tiles.length * (side + GAP) + GAP, colours.dark);
  let y = 0;
  if (title || legend?.length) {
    drawText(picture, title ?? "", 4, y + 4, colours.white, 2);
    let x = picture.width - 4;
    for (const { text, colour } of [...(legend ?? [])].reverse()) {
      x -= textWidth(text, 2) + 8;
      drawText(picture, text, x, y + 4, colour, 2);
    }
    y += line;
  }
  labels?.forEach((label, c) => {
    const fits = textWidth(label, 2) <= side ? 2 : 1;
    drawText(
      picture,
      label,
      GAP + c * (side + GAP) + Math.max(0, (side - textWidth(label, fits)) >> 1),
      y + 4,
      colours.white,
      fits,
    );
  });
  tiles.forEach((row, r) =>
    row.forEach((tile, c) => {
      const tx = GAP + c * (side + GAP);
      const ty = head + GAP + r * (side + GAP);
      if (tile.values.length !== size * size)
        throw new RangeError(`montage: a tile of ${tile.values.length} values is not ${size} × ${size}`);
      picture.grey(tile.values, size, size, tx, ty, scale);
      for (const { mask, colour } of tile.contours ?? []) picture.tint(mask, size, size, tx, ty, scale, colour, TINT);
      for (const { mask, colour, side: where } of tile.contours ?? [])
        picture.contour(mask, size, size, tx, ty, scale, colour, where);
      if (tile.note) drawText(picture, tile.note, tx + 3, ty + side - glyphHeight - 3, colours.white, 1);
    }),
  );
  return picture;
}

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

/** Contours of each class in its own colour. */
const byClass = (mask: ArrayLike<number>, classes: number): NonNullable<Tile["contours"]> =>
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
): Picture {
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
