// The grid of t-SNE's repulsion: fine enough, no larger than it must be, and around all of the map.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Bounds, SIDES, gridFor } from "../../analysis/tsne/grid.ts";

const test = suite("t-SNE: grid");

const mapOf = (extent: number): Bounds => ({ low: [-extent / 3, 1], high: [(2 * extent) / 3, 1 + extent / 2] });
const extents = Array.from({ length: 400 }, (_, i) => 0.01 * 1.0265 ** i);

test("nodes are at most 1/3 apart, of whatever extent up to 330, on the smallest grid of those", () => {
  for (const extent of extents.filter((e) => e <= 330)) {
    const { side, spacing } = gridFor(mapOf(extent));
    assert.ok(spacing <= 1 / 3, `extent ${extent}: ${spacing}`);
    if (side === SIDES[0]) continue;
    const smaller = gridFor(mapOf(extent), side / 2);
    assert.is(smaller.side, side / 2);
    assert.ok(smaller.spacing > 1 / 3, `extent ${extent}: ${side / 2} nodes would do`);
  }
  const { side, spacing } = gridFor(mapOf(345));
  assert.is(side, 2048);
  assert.ok(spacing > 1 / 3);
});

test("points lie between the second node and the third from the end, as spreading and gathering ask for", () => {
  for (const extent of extents) {
    const map = mapOf(extent);
    const { side, spacing, box } = gridFor(map);
    for (const axis of [0, 1] as const) {
      const [first, last] = [map.low, map.high].map((place) => (place[axis] - box[axis]) / spacing);
      assert.ok(first! >= 1 && last! < side / 2 - 2, `extent ${extent}: ${first} … ${last} of ${side / 2}`);
    }
  }
});

test.run();
