// Area of a mask's surface within a cube of eight neighbouring voxels: the surface passes half-way between a voxel
// inside and one outside, as marching cubes draws it (Lorensen and Cline, 1987).

/** Corner c of the cube lies at (c & 1, c >> 1 & 1, c >> 2): bit c of a code says whether that voxel is in the mask. */
const cornerOf = (c: number): readonly [number, number, number] => [c & 1, (c >> 1) & 1, (c >> 2) & 1];

/** Corners of the six faces, each in cyclic order. */
const faces: readonly (readonly [number, number, number, number])[] = [0, 1, 2].flatMap((axis) => {
  const [u, v] = [1 << ((axis + 1) % 3), 1 << ((axis + 2) % 3)];
  return [0, 1 << axis].map((at) => [at, at | u, at | u | v, at | v] as const);
});

type Point = readonly [number, number, number];
const minus = (p: Point, q: Point): Point => [p[0] - q[0], p[1] - q[1], p[2] - q[2]];
const triangleArea = (p: Point, q: Point, r: Point): number => {
  const [a, b] = [minus(q, p), minus(r, p)];
  return 0.5 * Math.hypot(a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]);
};

/**
 * Where the surface cuts the faces of a cube: segments between cut edges. An edge is named by its two corners, 8·low
 * + high.
 */
function segmentsOf(code: number): [number, number][] {
  const inside = (c: number): boolean => ((code >> c) & 1) === 1;
  return faces.flatMap((face) => {
    const edge = (i: number): number => {
      const [a, b] = [face[i % 4], face[(i + 1) % 4]];
      return 8 * Math.min(a, b) + Math.max(a, b);
    };
    const cut = [0, 1, 2, 3].filter((i) => inside(face[i]) !== inside(face[(i + 1) % 4]));
    if (cut.length === 2) return [[edge(cut[0]), edge(cut[1])] as [number, number]];
    // Two corners across: each is cut off by itself, so that both sides of a face agree.
    return cut.length === 4
      ? [0, 1, 2, 3].filter((i) => inside(face[i])).map((i): [number, number] => [edge(i + 3), edge(i)])
      : [];
  });
}

/** The closed polygons that the segments make, as points in mm. */
function polygonsOf(code: number, spacingMm: Point): Point[][] {
  const left = segmentsOf(code);
  const polygons: Point[][] = [];
  const middle = (edge: number): Point => {
    const [p, q] = [cornerOf(edge >> 3), cornerOf(edge & 7)];
    return [0, 1, 2].map((d) => 0.5 * (p[d] + q[d]) * spacingMm[d]) as unknown as Point;
  };
  for (let first = left.pop(); first; first = left.pop()) {
    const edges = [...first];
    for (let next = -1; edges[edges.length - 1] !== edges[0]; ) {
      next = left.findIndex((s) => s.includes(edges[edges.length - 1]));
      const [[a, b]] = left.splice(next, 1);
      edges.push(a === edges[edges.length - 1] ? b : a);
    }
    polygons.push(edges.slice(1).map(middle));
  }
  return polygons;
}

/** mm² of surface for each of the 256 codes. A polygon that is not flat is taken as the triangles round its centre. */
export function surfelAreas(spacingMm: readonly [number, number, number]): Float64Array {
  return Float64Array.from({ length: 256 }, (_, code) =>
    polygonsOf(code, spacingMm).reduce((sum, polygon) => {
      const n = polygon.length;
      const centre = [0, 1, 2].map((d) => polygon.reduce((s, p) => s + p[d], 0) / n) as unknown as Point;
      return sum + polygon.reduce((s, p, i) => s + triangleArea(centre, p, polygon[(i + 1) % n]), 0);
    }, 0),
  );
}
