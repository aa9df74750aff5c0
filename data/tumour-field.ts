// Fields round a tumour. The CMEDL paper trains on patches of 256 × 256 pixels "enclosing the tumor and the chestwall"
// (IV-B1), and says no more. Chosen here: the chest wall is the box round the lung of the tumour's side, and 20 mm
// beyond it; the lungs of the whole volume decide which side a column is on. The field is centred on tumour and lung
// together, is moved where it would cut the tumour, and does not leave the slice. Where no lung of that side is, as in
// MR, it is centred on the tumour; without a tumour on both lungs; without either on the slice.
import { columnBetween } from "./lungs.ts";
import { type Field, centreField } from "./resample.ts";
import { type Volume, storedSlice } from "./volume.ts";

/** The wall reaches so far beyond the lung, in mm. */
const WALL_MM = 20;

/** Pixels from … to (without), along x and y. */
interface Box {
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
}

/** What is segmented, and what shows where the chest is: masks in the order of the image. */
export interface Chest {
  readonly image: Pick<Volume, "shape" | "spacingMm">;
  readonly mask: Uint8Array<ArrayBuffer>;
  /** Absent where none are looked for, or found. */
  readonly lungs?: Uint8Array<ArrayBuffer> | undefined;
}

/**
 * The fields of `mm` × `mm` of a volume's axial slices z, each enclosing the tumour, and the chest wall as far as it is
 * large enough.
 */
export function tumourFields(chest: Chest, mm: number): (z: number) => Field {
  const { lungs, image } = chest;
  const between = lungs && columnBetween(lungs, image.shape);
  return (z) => fieldOfSlice(chest, between, z, mm);
}

function fieldOfSlice({ image, mask, lungs }: Chest, between: number | undefined, z: number, mm: number): Field {
  const { shape, spacingMm } = image;
  const [nx, ny] = shape;
  const { x, y, width, height } = centreField(nx, ny, spacingMm, mm);
  const sides = [width, height] as const;
  const tumour = boxOf(storedSlice(mask, shape, z), nx, ny);
  const chest = lungs && chestBox(storedSlice(lungs, shape, z), between, image, tumour);
  const start = (axis: 0 | 1, centred: number): number => {
    const enclosed = joined(tumour, chest);
    if (!enclosed) return centred;
    const side = sides[axis];
    let at = (enclosed.from[axis] + enclosed.to[axis] - side) / 2;
    if (tumour) {
      const [from, to] = [tumour.from[axis], tumour.to[axis]];
      at = to - from > side ? (from + to - side) / 2 : Math.min(from, Math.max(to - side, at));
    }
    const extent = shape[axis];
    const inside = side < extent ? Math.min(extent - side, Math.max(0, at)) : centred;
    return Number.isInteger(side) ? Math.round(inside) : inside; // whole pixels stay whole
  };
  return { x: start(0, x), y: start(1, y), width, height };
}

/**
 * The box round the lung of the tumour's side, with the wall; without a tumour, or where there is one lung, round all.
 * Undefined where none is.
 */
function chestBox(
  lungs: Uint8Array,
  between: number | undefined,
  { shape: [nx, ny], spacingMm }: Pick<Volume, "shape" | "spacingMm">,
  tumour: Box | undefined,
): Box | undefined {
  const isLow = tumour && between !== undefined && tumour.from[0] + tumour.to[0] < 2 * between;
  const columns = !tumour || between === undefined ? [0, nx] : isLow ? [0, between] : [between, nx];
  const found = boxOf(lungs, nx, ny, columns);
  if (!found) return undefined;
  const { from, to } = found;
  const wall = [WALL_MM / spacingMm[0], WALL_MM / spacingMm[1]] as const;
  return { from: [from[0] - wall[0], from[1] - wall[1]], to: [to[0] + wall[0], to[1] + wall[1]] };
}

/** The box round what is not 0 of a slice, of columns from … to; undefined where nothing is. */
function boxOf(slice: Uint8Array, nx: number, ny: number, [left, right]: readonly number[] = [0, nx]): Box | undefined {
  let [x0, y0, x1, y1] = [nx, ny, 0, 0];
  for (let y = 0; y < ny; y++)
    for (let x = left!; x < right!; x++) {
      if (slice[y * nx + x] === 0) continue;
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x + 1);
      y0 = Math.min(y0, y);
      y1 = Math.max(y1, y + 1);
    }
  return x1 > x0 ? { from: [x0, y0], to: [x1, y1] } : undefined;
}

function joined(a: Box | undefined, b: Box | undefined): Box | undefined {
  if (!a || !b) return a ?? b;
  return {
    from: [Math.min(a.from[0], b.from[0]), Math.min(a.from[1], b.from[1])],
    to: [Math.max(a.to[0], b.to[0]), Math.max(a.to[1], b.to[1])],
  };
}
