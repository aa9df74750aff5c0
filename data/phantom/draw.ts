// A phantom's anatomy drawn from a key.
import { keyOf, uniform } from "../random.ts";
import { type Anatomy, type Blob, type Capsule, Tissue } from "./anatomy.ts";
import { planeOf } from "./plane.ts";

/** A patient's thorax. `tumour: false` gives one without. */
export function drawAnatomy(key: number, { tumour = true }: { tumour?: boolean } = {}): Anatomy {
  let n = 0;
  const between = (low: number, high: number): number => low + (high - low) * uniform(key, n++);
  const halfWidth = between(132, 154);
  const halfDepth = halfWidth * between(0.66, 0.74);
  const base: Anatomy = {
    key,
    halfWidth,
    halfDepth,
    square: between(0.2, 0.6),
    fat: between(8, 19),
    wall: between(13, 18),
    heart: {
      x: between(12, 20),
      y: between(-26, -16),
      a: between(43, 52),
      b: between(31, 38),
      turn: between(0.4, 0.8),
      top: between(-5, 20),
    },
    mediastinum: between(25, 33),
    spine: between(-2, 4),
    ribPhase: between(0, 0.5),
    ribTilt: between(0.007, 0.011),
    aorta: between(10.5, 13.5),
    vessels: drawVessels(keyOf(key, "vessels")),
  };
  const side = between(0, 1) < 0.5 ? -1 : 1;
  const hasAtelectasis = between(0, 1) < 0.6;
  const atelectasisSite: BlobSite = { site: "back", r: [9, 14], z: [-25, 25], depth: 0.1 };
  const atelectasis = hasAtelectasis
    ? drawBlob(base, keyOf(key, "atelectasis"), tumour ? -side : side, atelectasisSite)
    : undefined;
  if (!tumour) return { ...base, atelectasis, tumour: undefined };
  const site = between(0, 1) < 0.65 ? "mediastinum" : "wall";
  const tumourSite: BlobSite = { site, r: [16, 29], z: [-14, 14], depth: 0.35 };
  return { ...base, atelectasis, tumour: drawBlob(base, keyOf(key, "tumour"), side, tumourSite) };
}

function drawVessels(key: number): Capsule[] {
  const vessels: Capsule[] = [];
  for (let i = 0; i < 110; i++) {
    const u = (k: number): number => uniform(keyOf(key, i), k);
    const side = i % 2 ? 1 : -1;
    const start = u(0) ** 1.5 * 62;
    const length = 16 + 26 * u(1);
    const turn = (u(2) - 0.5) * 2.9;
    const rise = (u(3) - 0.5) * 2.4;
    const dx = side * Math.cos(turn) * Math.cos(rise);
    const dy = Math.sin(turn) * Math.cos(rise);
    const dz = Math.sin(rise);
    const x = side * 38;
    const y = 4 + 10 * (u(4) - 0.5);
    const z = 70 * (u(5) - 0.5);
    vessels.push({
      from: [x + dx * start, y + dy * start, z + dz * start * 0.4],
      to: [x + dx * (start + length), y + dy * (start + length), z + dz * (start * 0.4 + length)],
      r: Math.max(0.9, (3.4 - 0.036 * start) * (0.7 + 0.6 * u(6))),
    });
  }
  return vessels;
}

interface BlobSite {
  /** What the blob abuts on, besides the lung. */
  readonly site: "mediastinum" | "wall" | "back";
  /** Ranges of its radius and of its centre's height, in mm. */
  readonly r: readonly [low: number, high: number];
  readonly z: readonly [low: number, high: number];
  /** How far the centre lies inside the lung, as a part of the radius. */
  readonly depth: number;
}

/**
 * A blob that abuts the border of a lung (side 1: the left, −1: the right): found by walking from within until the lung
 * ends.
 */
function drawBlob(anatomy: Anatomy, key: number, side: number, blob: BlobSite): Blob {
  const u = (k: number): number => uniform(key, k);
  const between = ([low, high]: readonly [number, number], k: number): number => low + (high - low) * u(k);
  const z = between(blob.z, 0);
  const r = between(blob.r, 1);
  const { angle, startY } = wayTo(blob.site, side, (u(2) - 0.5) * 2);
  const dx = Math.cos(angle);
  const dy = Math.sin(angle);
  const [x, y] = borderOfLung(anatomy, z, side * anatomy.halfWidth * 0.5, startY, dx, dy);
  const waves = [0.13, 0.09, 0.055, 0.035].map((a, i) => [a * (0.5 + u(3 + i)), 2 * Math.PI * u(7 + i)] as const);
  return {
    x: x - dx * r * blob.depth,
    y: y - dy * r * blob.depth,
    z,
    r,
    rz: r * (0.8 + 0.4 * u(11)),
    waves,
    sway: 0.3 * (u(12) - 0.5),
  };
}

/** Where a walk to a site begins, and the angle from x towards y that it goes; `jitter` in [−1, 1) varies both. */
function wayTo(site: BlobSite["site"], side: number, jitter: number): { angle: number; startY: number } {
  switch (site) {
    case "mediastinum":
      return { angle: side > 0 ? Math.PI + 0.5 * jitter : 0.5 * jitter, startY: 22 * jitter };
    case "wall":
      return { angle: side > 0 ? jitter : Math.PI + jitter, startY: 6 * jitter };
    case "back":
      return { angle: Math.PI / 2 + side * 0.25 * (jitter - 1), startY: 10 };
  }
}

/** The last point of the lung on the way from (x, y) in steps of (dx, dy), of 1 mm. */
function borderOfLung(
  anatomy: Anatomy,
  z: number,
  x: number,
  y: number,
  dx: number,
  dy: number,
): readonly [x: number, y: number] {
  const plane = planeOf(anatomy, z);
  const isLung = (px: number, py: number): boolean => {
    const t = plane.tissue(px, py);
    return t === Tissue.lung || t === Tissue.vessel;
  };
  let [px, py] = [x, y];
  for (let step = 0; step < 200 && isLung(px + dx, py + dy); step++) {
    px += dx;
    py += dy;
  }
  return [px, py];
}
