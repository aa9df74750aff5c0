// Area of a mask's surface within a cube of eight neighbouring voxels: the surface passes half-way between a voxel
// inside and one outside, as marching cubes draws it (Lorensen and Cline, 1987).

/** Corner c of the cube lies at (c & 1, c >> 1 & 1, c >> 2): bit c of a code says whether that voxel is in the mask. */
const cornerOf = (c: number): readonly [number, number, number] => [c & 1, (c >> 1) & 1, (c >> 2) & 1];

/** Corners of the six faces, each in cyclic order. */
const faces: readonly (readonly [number, number, number, number])[] = [0, 1, 2].flatMap((axis) => {
  const u = 1 << ((axis + 1) % 3);
  const v = 1 << ((axis + 2) % 3);
  return [0, 1 << axis].map((at) => [at, at | u, at | u | v, at | v] as const);
});

type Point = readonly [number, number, number];
const minus = (p: Point, q: Point): Point => [p[0] - q[0], p[1] - q[1], p[2] - q[2]];
const triangleArea = (p: Point, q: Point, r: Point): number => {
  const [a, b] = [minus(q, p), minus(r, p)];
  return 0.5 * Math.hypot(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]);
};

/** Where the surface cuts the faces of a cube: segments between cut edges. */
function segmentsOf(code: number): Segment[] {
  const inside = (corner: number): boolean => ((code >> corner) & 1) === 1;
  return faces.flatMap((face): Segment[] => {
    const corners = [0, 1, 2, 3].map((i): FaceCorner => {
      const [corner, before, after] = [face[i]!, face[(i + 3) % 4]!, face[(i + 1) % 4]!];
      return { inside: inside(corner), edgeBefore: edgeOf(before, corner), edgeAfter: edgeOf(corner, after) };
    });
    const cut = corners.filter((corner, i) => corner.inside !== corners[(i + 1) % 4]!.inside);
    const [first, second] = cut;
    if (cut.length === 2 && first && second) return [[first.edgeAfter, second.edgeAfter]];
    // Two corners across: each is cut off by itself, so that both sides of a face agree.
    if (cut.length === 4) return corners.filter((c) => c.inside).map((c) => [c.edgeBefore, c.edgeAfter]);
    return [];
  });
}

/** Two cut edges that the surface joins on a face. An edge is named by its two corners, 8·low + high. */
type Segment = readonly [from: number, to: number];
const edgeOf = (a: number, b: number): number => 8 * Math.min(a, b) + Math.max(a, b);

/** A corner of a face, and the edges that lead to it and from it in the face's order. */
interface FaceCorner {
  readonly inside: boolean;
  readonly edgeBefore: number;
  readonly edgeAfter: number;
}

/** The closed polygons that the segments make, as points in mm. */
function polygonsOf(code: number, spacingMm: Point): Point[][] {
  const left = segmentsOf(code);
  const polygons: Point[][] = [];
  for (let first = left.pop(); first; first = left.pop()) {
    const [start, second] = first;
    const edges = [second];
    for (let last = second; last !== start; ) {
      const next = left.findIndex((segment) => segment.includes(last));
      const [[a, b]] = left.splice(next, 1) as [Segment];
      last = a === last ? b : a;
      edges.push(last);
    }
    polygons.push(edges.map((edge) => middleOf(edge, spacingMm)));
  }
  return polygons;
}

/** The middle of an edge, in mm. */
function middleOf(edge: number, [sx, sy, sz]: Point): Point {
  const [p, q] = [cornerOf(edge >> 3), cornerOf(edge & 7)];
  return [0.5 * (p[0] + q[0]) * sx, 0.5 * (p[1] + q[1]) * sy, 0.5 * (p[2] + q[2]) * sz];
}

/** mm² of surface for each of the 256 codes. */
export function surfelAreas(spacingMm: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: 256 }, (_, code) =>
    polygonsOf(code, spacingMm).reduce((sum, polygon) => sum + polygonArea(polygon), 0),
  );
}

/** A polygon that is not flat is taken as the triangles round its centre. */
function polygonArea(polygon: readonly Point[]): number {
  const n = polygon.length;
  const mean = (d: 0 | 1 | 2): number => polygon.reduce((s, p) => s + p[d], 0) / n;
  const centre: Point = [mean(0), mean(1), mean(2)];
  return polygon.reduce((s, p, i) => s + triangleArea(centre, p, polygon[(i + 1) % n]!), 0);
}
