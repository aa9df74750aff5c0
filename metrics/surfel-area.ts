// Area of a mask's surface within a cube of eight neighbouring voxels, as the reference implementation of surface Dice
// has it (DeepMind's surface-distance, its table of 256 neighbour codes made by marching cubes): the surface passes
// half-way between a voxel inside and one outside. Every connected part of the corners that are fewer, inside or
// outside, is cut off by itself; where that needs more than a plane, the reference's triangles count.

type Point = readonly [number, number, number];
type Axis = 0 | 1 | 2;
const AXES = [0, 1, 2] as const;

/** Bit c of a code says whether the voxel at (c & 1, c >> 1 & 1, c >> 2) is in the mask; neighbours differ in a bit. */
const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const bits = (code: number): number => CORNERS.filter((c) => (code >> c) & 1).length;

/** The corners of a code, by what is joined along edges of the cube. */
function partsOf(code: number): number[][] {
  const left = new Set<number>(CORNERS.filter((c) => (code >> c) & 1));
  const parts: number[][] = [];
  for (const first of left) {
    const part = [first];
    for (const c of part) {
      left.delete(c);
      for (const axis of AXES) {
        const next = c ^ (1 << axis);
        if (left.delete(next)) part.push(next);
      }
    }
    parts.push(part);
  }
  return parts;
}

/** What surfaces are made of, in mm²: a cut corner, and by axis a face across it and the cut of an edge along it. */
interface Pieces {
  readonly corner: number;
  readonly face: Point;
  readonly edge: Point;
}

function piecesOf([a, b, c]: Point): Pieces {
  return {
    corner: Math.hypot(b * c, a * c, a * b) / 8,
    face: [b * c, a * c, a * b],
    edge: [(a * Math.hypot(b, c)) / 2, (b * Math.hypot(a, c)) / 2, (c * Math.hypot(a, b)) / 2],
  };
}

/** mm² of the surface that cuts off a connected part of 1 … 4 corners. */
function areaOf(part: readonly number[], { corner, face, edge }: Pieces): number {
  // The edges within the part, by their axes.
  const along = AXES.map((axis) => part.filter((c) => part.includes(c ^ (1 << axis))).length / 2);
  const flat = along.indexOf(0) as Axis | -1;
  switch (part.length) {
    case 1:
      return corner;
    case 2:
      return edge[along.indexOf(1) as Axis];
    case 3:
      return face[flat as Axis] / 2 + 3 * corner;
    default: {
      if (flat >= 0) return face[flat as Axis];
      const neighbours = (c: number): Axis[] => AXES.filter((axis) => part.includes(c ^ (1 << axis)));
      // A corner with its three neighbours: a regular hexagon of a cube.
      if (part.some((c) => neighbours(c).length === 3)) return 6 * corner;
      // A path along all three axes: its middle edge joins the two corners that have two neighbours.
      const [p, q] = part.filter((c) => neighbours(c).length === 2) as [number, number];
      const middle = Math.log2(p ^ q);
      return 4 * corner + AXES.reduce<number>((sum, axis) => (axis === middle ? sum : sum + edge[axis] / 2), 0);
    }
  }
}

/** mm² of surface for each of the 256 codes. */
export function surfelAreas(spacingMm: Point): Float64Array {
  const pieces = piecesOf(spacingMm);
  return Float64Array.from({ length: 256 }, (_, code) =>
    partsOf(bits(code) > 4 ? 255 - code : code).reduce((sum, part) => sum + areaOf(part, pieces), 0),
  );
}
