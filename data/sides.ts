// Which labels are the left and the right of one structure: a flip makes the one of the other. Told by names, and where
// there are none by where the labels lie.

/** Words for a side within a name, as each is written for left and for right. */
const WORDS: readonly (readonly [left: string, right: string])[] = [
  ["left", "right"],
  ["lt", "rt"],
  ["l", "r"],
];

export interface SidedNames {
  /** Labels of the left and the right one. */
  readonly pairs: readonly (readonly [left: number, right: number])[];
  /** Labels whose other side has no label. */
  readonly single: readonly number[];
}

/** The sides that names tell: "kidney_left" and "kidney_right", "Lung L" and "Lung R". */
export function sidedNames(names: ReadonlyMap<number, string>): SidedNames {
  const sides = new Map<string, { left?: number; right?: number }>();
  for (const [label, name] of names) {
    const parts = name
      .replace(/([a-z])([A-Z])/g, "$1 $2")
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u);
    const found = WORDS.flatMap(([left, right]) => [
      { side: "left" as const, at: parts.indexOf(left) },
      { side: "right" as const, at: parts.indexOf(right) },
    ]).find(({ at }) => at >= 0);
    if (!found) continue;
    const rest = parts.filter((_, i) => i !== found.at).join(" ");
    const both = sides.get(rest) ?? {};
    sides.set(rest, { ...both, [found.side]: label });
  }
  const all = [...sides.values()];
  return {
    pairs: all.flatMap(({ left, right }) =>
      left !== undefined && right !== undefined ? [[left, right] as const] : [],
    ),
    single: all.flatMap(({ left, right }) => (left === undefined || right === undefined ? [(left ?? right)!] : [])),
  };
}

/** Where a label lies in a case's image. */
export interface LabelPlace {
  readonly label: number;
  readonly voxels: number;
  /** The mean place of its voxels, from −1 to 1 along the image's axes: left, posterior and superior are 1. */
  readonly place: readonly [left: number, posterior: number, superior: number];
}

/** Both sides are at least so far from the middle, and at most so far from each other's mirrored place. */
const FROM_THE_MIDDLE = 0.1;
const FROM_THE_MIRROR = 0.3;
/** Left and right of one structure are of sizes that differ by at most this factor. */
const LIKE_SIZE = 2;

/**
 * Pairs of labels that lie left and right of one another, at about the same place but for the side and of about the
 * same size, in every case that has both, as most that have one of them do. A label is in one pair at most.
 */
export function sidedPlaces(cases: readonly (readonly LabelPlace[])[]): [left: number, right: number][] {
  const labels = [...new Set(cases.flatMap((places) => places.map(({ label }) => label)))].sort((a, b) => a - b);
  const pairs: [number, number][] = [];
  for (const left of labels)
    for (const right of labels) {
      if (left === right || pairs.some((pair) => pair.includes(left) || pair.includes(right))) continue;
      const both = cases.flatMap((places) => {
        const [a, b] = [left, right].map((label) => places.find((p) => p.label === label));
        return a && b ? [[a, b] as const] : [];
      });
      const either = cases.filter((places) => places.some((p) => p.label === left || p.label === right)).length;
      if (2 * both.length > either && both.every(([a, b]) => areSides(a, b))) pairs.push([left, right]);
    }
  return pairs;
}

function areSides(left: LabelPlace, right: LabelPlace): boolean {
  const [a, b] = [left.place, right.place];
  return (
    a[0] >= FROM_THE_MIDDLE &&
    b[0] <= -FROM_THE_MIDDLE &&
    Math.hypot(a[0] + b[0], a[1] - b[1], a[2] - b[2]) <= FROM_THE_MIRROR &&
    Math.max(left.voxels, right.voxels) <= LIKE_SIZE * Math.min(left.voxels, right.voxels)
  );
}
