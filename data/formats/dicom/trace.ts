// Outlines of a mask's slice along pixel edges: whoever fills them by pixel centres gets the same mask. A hole is
// joined to its outline by a slit (a keyhole), as DICOM asks for (PS3.3 C.8.8.6.3).

/** Pixel corners, each half a pixel off the centres; closed. */
type Loop = (readonly [x: number, y: number])[];

/** Steps along pixel edges, with foreground to the right: east, south, west, north. */
const STEPS = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
] as const;

/** The outlines of the pixels that `isIn` a slice of `width` × `height`, as x, y, x, … in pixels. */
export function outlinesOf(isIn: (x: number, y: number) => boolean, width: number, height: number): number[][] {
  const inside = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < width && y < height && isIn(x, y);
  const loops = loopsOf(inside, width, height);
  const outer = loops.filter((loop) => areaOf(loop) > 0);
  const holes = loops.filter((loop) => areaOf(loop) <= 0).map(fromLeftmost);
  // What is to the left of a hole is an outline, or a hole that was joined to one before.
  holes.sort((a, b) => a[0]![0] - b[0]![0]);
  for (const hole of holes) join(hole, outer);
  return outer.map((loop) => withoutStraight(loop).flatMap(([x, y]) => [x - 0.5, y - 0.5]));
}

/** All loops of edges: round each part clockwise, round each hole the other way. Corners that touch are parted. */
function loopsOf(inside: (x: number, y: number) => boolean, width: number, height: number): Loop[] {
  const loops: Loop[] = [];
  const seen = new Uint8Array(width * (height + 1));
  for (let y = 0; y <= height; y++)
    for (let x = 0; x < width; x++) {
      // Every loop has edges that run east: above a part, and below a hole.
      const top = inside(x, y) && !inside(x, y - 1);
      if (top && seen[y * width + x] === 0) loops.push(follow(x, y, inside, seen, width));
    }
  return loops;
}

/** One loop from the upper edge of pixel (x, y) on. */
function follow(
  x0: number,
  y0: number,
  inside: (x: number, y: number) => boolean,
  seen: Uint8Array,
  width: number,
): Loop {
  const loop: Loop = [];
  let [x, y, direction] = [x0, y0, 0];
  do {
    loop.push([x, y]);
    if (direction === 0) seen[y * width + x] = 1;
    const [dx, dy] = STEPS[direction]!;
    [x, y] = [x + dx, y + dy];
    // Pixels ahead of the corner, to the right and to the left of the way. Right first: parts that touch stay apart.
    const right = inside(...ahead(x, y, direction, true));
    const left = inside(...ahead(x, y, direction, false));
    if (!right) direction = (direction + 1) % 4;
    else if (left) direction = (direction + 3) % 4;
  } while (x !== x0 || y !== y0 || direction !== 0);
  return loop;
}

/** The pixel ahead of corner (x, y) on one side of a way that runs so. */
function ahead(x: number, y: number, direction: number, right: boolean): [number, number] {
  if (direction === 0) return [x, right ? y : y - 1];
  if (direction === 1) return [right ? x - 1 : x, y];
  if (direction === 2) return [x - 1, right ? y - 1 : y];
  return [right ? x : x - 1, y - 1];
}

/** Twice the area; above 0 where the loop runs clockwise, rows counted downward. */
function areaOf(loop: Loop): number {
  let sum = 0;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++)
    sum += loop[j]![0] * loop[i]![1] - loop[i]![0] * loop[j]![1];
  return sum;
}

function fromLeftmost(loop: Loop): Loop {
  let first = 0;
  for (let i = 1; i < loop.length; i++) {
    const [x, y] = loop[i]!;
    if (x < loop[first]![0] || (x === loop[first]![0] && y < loop[first]![1])) first = i;
  }
  return [...loop.slice(first), ...loop.slice(0, first)];
}

/** Joins a hole to the outline next to its left, by a slit along a line between pixels. */
function join(hole: Loop, outlines: Loop[]): void {
  const [hx, hy] = hole[0]!;
  let nearest: { readonly loop: Loop; readonly at: number } | undefined;
  for (const loop of outlines)
    loop.forEach(([x, y], at) => {
      if (y === hy && x <= hx && (!nearest || x > nearest.loop[nearest.at]![0])) nearest = { loop, at };
    });
  if (!nearest) throw new Error("join: a hole lies in no outline");
  const { loop, at } = nearest;
  loop.splice(at + 1, 0, ...hole, hole[0]!, loop[at]!);
}

/** Without corners in the middle of straight lines; the ends of a slit stay. */
function withoutStraight(loop: Loop): Loop {
  return loop.filter(([x, y], i) => {
    const [px, py] = loop.at(i - 1)!;
    const [nx, ny] = loop[(i + 1) % loop.length]!;
    const [dx, dy, ex, ey] = [x - px, y - py, nx - x, ny - y];
    return dx * ey - dy * ex !== 0 || dx * ex + dy * ey < 0 || (dx === 0 && dy === 0);
  });
}
