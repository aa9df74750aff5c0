// The grid that repulsion goes by: as many nodes as the map's extent asks for, within a bound.

/** The least and the largest x and y of a map. */
export interface Bounds {
  readonly low: readonly [x: number, y: number];
  readonly high: readonly [x: number, y: number];
}

export interface Grid {
  /** Points of the transform along an axis: twice the nodes, so that nothing wraps round. */
  readonly side: number;
  /** Of two nodes, in units of the map. */
  readonly spacing: number;
  /** x and y of the first node, nodes a unit, 0. */
  readonly box: readonly [number, number, number, number];
}

/** Three nodes a unit at least, as Linderman et al. have them, unless the map is too large. */
const WIDEST = 1 / 3;
export const SIDES = [64, 128, 256, 512, 1024, 2048] as const;
/** Nodes at the edges that no point lies beyond: each is spread over the node before it and the two behind. */
const MARGIN = 4;
/** Spacings are these powers of two, so that one serves many steps. */
const LADDER = 1 / 8;

/**
 * The smallest grid that holds the map with nodes at most 1/3 apart; of larger maps the `largest`, with its nodes
 * further apart.
 */
export function gridFor({ low, high }: Bounds, largest: number = SIDES[SIDES.length - 1]!): Grid {
  const extent = Math.max(high[0] - low[0], high[1] - low[1], 1e-12);
  const spacingOf = (side: number): number => {
    const needed = extent / (side / 2 - MARGIN);
    return 2 ** (Math.ceil(Math.log2(needed) / LADDER + 1e-6) * LADDER);
  };
  const side = SIDES.find((side) => side >= largest || spacingOf(side) <= WIDEST) ?? largest;
  const spacing = spacingOf(side);
  const origin = (axis: 0 | 1): number => (low[axis] + high[axis]) / 2 - (spacing * (side / 2 - 1)) / 2;
  return { side, spacing, box: [origin(0), origin(1), 1 / spacing, 0] };
}
