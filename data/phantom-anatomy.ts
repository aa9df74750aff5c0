// The phantom's anatomy: a thorax of ellipses, capsules and one irregular tumour, drawn from a key. Millimetres; x to
// the patient's left, y to the back, z to the head. Nothing here knows of CT or MR: a point has a tissue, and
// synthetic.ts gives tissues their looks.
import { keyOf, uniform } from "./random.ts";

export const Tissue = {
  air: 0,
  skin: 1,
  fat: 2,
  muscle: 3,
  cortex: 4,
  marrow: 5,
  canal: 6,
  lung: 7,
  vessel: 8,
  heart: 9,
  blood: 10,
  airway: 11,
  oesophagus: 12,
  atelectasis: 13,
  tumour: 14,
} as const;
export type Tissue = (typeof Tissue)[keyof typeof Tissue];

/** An irregular blob: an ellipsoid whose radius waves round the z axis. */
interface Blob {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly r: number;
  readonly rz: number;
  readonly waves: readonly (readonly [amplitude: number, phase: number])[];
  readonly sway: number;
}

interface Capsule {
  readonly from: readonly [number, number, number];
  readonly to: readonly [number, number, number];
  readonly r: number;
}

export interface Anatomy {
  readonly key: number;
  readonly halfWidth: number;
  readonly halfDepth: number;
  /** 0: the body is an ellipse; 1: nearly a rectangle with round corners. */
  readonly square: number;
  readonly fat: number;
  readonly wall: number;
  readonly heart: {
    readonly x: number;
    readonly y: number;
    readonly a: number;
    readonly b: number;
    readonly turn: number;
    readonly top: number;
  };
  readonly mediastinum: number;
  readonly spine: number;
  readonly ribPhase: number;
  readonly ribTilt: number;
  readonly aorta: number;
  readonly vessels: readonly Capsule[];
  readonly tumour?: Blob;
  readonly atelectasis?: Blob;
}

/** What one axial plane shows. */
export interface Plane {
  tissue(x: number, y: number): Tissue;
}

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
  return {
    ...base,
    atelectasis:
      between(0, 1) < 0.6
        ? drawBlob(base, keyOf(key, "atelectasis"), tumour ? -side : side, {
            site: "back",
            r: [9, 14],
            z: [-25, 25],
            depth: 0.1,
          })
        : undefined,
    tumour: tumour
      ? drawBlob(base, keyOf(key, "tumour"), side, {
          site: between(0, 1) < 0.65 ? "mediastinum" : "wall",
          r: [16, 29],
          z: [-14, 14],
          depth: 0.35,
        })
      : undefined,
  };
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
  readonly site: "mediastinum" | "wall" | "back";
  readonly r: readonly [number, number];
  readonly z: readonly [number, number];
  /** How far the centre lies inside the lung, as a part of the radius. */
  readonly depth: number;
}

/** A blob that abuts the lung's border: found by walking from within the lung until it ends. */
function drawBlob(
  anatomy: Anatomy,
  key: number,
  side: number,
  { site, r: [rLow, rHigh], z: [zLow, zHigh], depth }: BlobSite,
): Blob {
  const u = (k: number): number => uniform(key, k);
  const z = zLow + (zHigh - zLow) * u(0);
  const r = rLow + (rHigh - rLow) * u(1);
  const plane = planeOf(anatomy, z);
  const isLung = (px: number, py: number): boolean => {
    const t = plane.tissue(px, py);
    return t === Tissue.lung || t === Tissue.vessel;
  };
  const jitter = (u(2) - 0.5) * 2;
  const [angle, startY] =
    site === "mediastinum"
      ? [side > 0 ? Math.PI + 0.5 * jitter : 0.5 * jitter, 22 * jitter]
      : site === "wall"
        ? [side > 0 ? 1.0 * jitter : Math.PI + 1.0 * jitter, 6 * jitter]
        : [Math.PI / 2 + side * 0.25 * (jitter - 1), 10];
  let x = side * anatomy.halfWidth * 0.5;
  let y = startY;
  const dx = Math.cos(angle);
  const dy = Math.sin(angle);
  for (let step = 0; step < 200 && isLung(x + dx, y + dy); step++) [x, y] = [x + dx, y + dy];
  const waves = [0.13, 0.09, 0.055, 0.035].map((a, i) => [a * (0.5 + u(3 + i)), 2 * Math.PI * u(7 + i)] as const);
  return {
    x: x - dx * r * depth,
    y: y - dy * r * depth,
    z,
    r,
    rz: r * (0.8 + 0.4 * u(11)),
    waves,
    sway: 0.3 * (u(12) - 0.5),
  };
}

/** (in-plane distance / radius)² + (z distance / rz)²: below 1 inside. */
function blobLevel({ x, y, r, waves, sway }: Blob, zPart: number, dz: number, px: number, py: number): number {
  const dx = px - x - sway * dz;
  const dy = py - y;
  const d2 = dx * dx + dy * dy;
  if (d2 > 2.6 * r * r) return 2;
  const angle = Math.atan2(dy, dx);
  let radius = r;
  waves.forEach(([a, phase], i) => (radius += r * a * Math.cos((i + 2) * angle + phase + 0.02 * (i + 1) * dz)));
  return d2 / (radius * radius) + zPart;
}

/** Level of an ellipse turned by `turn`: 1 on its border. */
function ellipse(x: number, y: number, a: number, b: number, turn = 0): number {
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const u = (c * x + s * y) / a;
  const v = (c * y - s * x) / b;
  return Math.sqrt(u * u + v * v);
}

/** Level of a rounded rectangle: between an ellipse and the fourth-power curve. */
function rounded(x: number, y: number, a: number, b: number, square: number): number {
  const u = (x / a) ** 2;
  const v = (y / b) ** 2;
  return (1 - square) * Math.sqrt(u + v) + square * Math.sqrt(Math.sqrt(u * u + v * v));
}

/** Smooth minimum (polynomial) of two signed distances, rounding over `k` mm. */
const smoothMin = (p: number, q: number, k: number): number => {
  const h = Math.max(0, Math.min(1, 0.5 + (0.5 * (q - p)) / k));
  return q + (p - q) * h - k * h * (1 - h);
};

/** The axial plane at height z (mm, 0 is the middle of the phantom). */
export function planeOf(an: Anatomy, z: number): Plane {
  const narrow = 1 - 0.05 * Math.max(0, z / 50) ** 2;
  const a = an.halfWidth * narrow;
  const b = an.halfDepth * narrow;
  const inA = a - an.fat - an.wall;
  const inB = b - an.fat - an.wall - 7;
  const inY = -9;
  const spineY = inY + inB - 6 + an.spine;
  // The heart fades into the great vessels above its top.
  const heartSize = 1 - 0.45 / (1 + Math.exp(-(z - an.heart.top) / 8));
  const { heart } = an;
  const vesselsY = -20;
  const upper = z > an.heart.top;
  const airwayY = spineY - 35;
  const split = Math.max(0, Math.min(1, (12 - z) / 30));
  const vessels = cutVessels(an.vessels, z);
  const blob = (it: Blob | undefined) => {
    if (!it || Math.abs(z - it.z) >= it.rz) return undefined;
    const dz = z - it.z;
    const zPart = (dz / it.rz) ** 2;
    return (x: number, y: number): boolean => blobLevel(it, zPart, dz, x, y) < 1;
  };
  const inTumour = blob(an.tumour);
  const inAtelectasis = blob(an.atelectasis);

  const bone = (level: number, core: number): Tissue | undefined =>
    level < core ? Tissue.marrow : level < 1 ? Tissue.cortex : undefined;
  const spine = (x: number, y: number): Tissue | undefined => {
    if (Math.abs(x) > 42 || y < spineY - 18 || y > spineY + 60) return undefined;
    if (ellipse(x, y - spineY - 23, 9, 8) < 1) return Tissue.canal;
    return (
      bone(ellipse(x, y - spineY, 18.5, 14.5), 0.84) ??
      bone(ellipse(x, y - spineY - 23, 14, 13), 0) ??
      bone(ellipse(x, y - spineY - 44, 4.5, 13), 0.5) ??
      bone(ellipse(Math.abs(x) - 24, y - spineY - 20, 16, 5, -0.25), 0.5)
    );
  };
  const ribs = (x: number, y: number, depth: number): Tissue | undefined => {
    const middle = an.fat + an.wall * 0.62;
    if (Math.abs(depth - middle) > 4.6) return undefined;
    // Ribs run down and forward: their cuts wander round the chest with z. The angle starts at the back.
    const angle = Math.atan2(Math.abs(x) / a, y / b);
    const spacing = 0.47;
    const turn = angle + an.ribTilt * z * 1.6 + an.ribPhase * spacing * 2;
    const offset = turn - spacing * Math.round(turn / spacing);
    return angle > 0.42 && angle < 2.75 ? bone(Math.hypot(offset / 0.155, (depth - middle) / 4.4), 0.68) : undefined;
  };
  const core = (x: number, y: number): Tissue => {
    if (ellipse(x - heart.x, y - heart.y, heart.a * heartSize, heart.b * heartSize, heart.turn) < 1) {
      if (upper) {
        if (ellipse(x + 12, y - vesselsY - 2, 15.5, 15) < 1 || ellipse(x - 15, y - vesselsY - 8, 14, 12) < 1)
          return Tissue.blood;
      } else {
        return ellipse(x - heart.x, y - heart.y, heart.a * heartSize - 9, heart.b * heartSize - 9, heart.turn) < 1
          ? Tissue.blood
          : Tissue.heart;
      }
    }
    if (ellipse(x - 21, y - spineY + 12, an.aorta, an.aorta) < 1) return Tissue.blood;
    if (upper && ellipse(x + 26, y - vesselsY - 10, 9, 8) < 1) return Tissue.blood;
    if (ellipse(x - 4, y - spineY + 22, 7.5, 5.5) < 1) return Tissue.oesophagus;
    const airway = ellipse(Math.abs(x) - 21 * split, y - airwayY, 8 - 2 * split, 8.5 - 2 * split);
    return airway < 1 ? Tissue.airway : airway < 1.25 ? Tissue.muscle : Tissue.fat;
  };

  return {
    tissue(x, y) {
      const level = rounded(x, y, a, b, an.square);
      if (level >= 1) return Tissue.air;
      const radius = Math.hypot(x, y);
      const depth = level > 1e-6 ? radius * (1 / level - 1) : Math.min(a, b);
      if (depth < 2) return Tissue.skin;
      const fatHere = an.fat * (1 + 0.25 * (y / b) ** 2);
      if (depth < fatHere) return Tissue.fat;
      const solid = spine(x, y) ?? ribs(x, y, depth) ?? bone(ellipse(x, y + b - an.fat - 9, 19, 6), 0.66);
      if (solid !== undefined) return solid;

      const cavity = (rounded(x, y - inY, inA, inB, an.square) - 1) * Math.min(inA, inB);
      const heartSide =
        (ellipse(x - heart.x, y - heart.y, heart.a * heartSize + 4, heart.b * heartSize + 4, heart.turn) - 1) * heart.b;
      const great = (ellipse(x + 2, y - vesselsY - 6, an.mediastinum + 7, 46) - 1) * an.mediastinum;
      const back = Math.max(Math.abs(x - 3) - 27, spineY - 26 - y);
      const middle = smoothMin(smoothMin(heartSide, great, 10), back, 14);
      const inCavity = cavity < 0;
      const tissueHere = inCavity && middle > 0 ? Tissue.lung : undefined;

      if (cavity < 4 && inTumour?.(x, y)) {
        const behind = tissueHere ?? (inCavity ? core(x, y) : Tissue.muscle);
        if (behind === Tissue.lung || behind === Tissue.fat || behind === Tissue.muscle) return Tissue.tumour;
      }
      if (tissueHere === Tissue.lung) {
        if (inAtelectasis?.(x, y)) return Tissue.atelectasis;
        if (vessels(x, y)) return Tissue.vessel;
        return Tissue.lung;
      }
      if (inCavity) return core(x, y);
      // Fat planes between the muscles of the chest wall.
      return depth > fatHere + 3 && Math.abs(depth - fatHere - an.wall * 0.22) < 1.1 && y < spineY
        ? Tissue.fat
        : Tissue.muscle;
    },
  };
}

/** Whether a vessel is at (x, y) in the plane z. */
function cutVessels(all: readonly Capsule[], z: number): (x: number, y: number) => boolean {
  const cuts = all
    .filter((v) => z > Math.min(v.from[2], v.to[2]) - v.r && z < Math.max(v.from[2], v.to[2]) + v.r)
    .map(({ from, to, r }) => {
      const ux = to[0] - from[0];
      const uy = to[1] - from[1];
      const uz = to[2] - from[2];
      return { x: from[0], y: from[1], ux, uy, uz, z: z - from[2], length2: ux * ux + uy * uy + uz * uz, r2: r * r };
    });
  return (x, y) => {
    for (const c of cuts) {
      const px = x - c.x;
      const py = y - c.y;
      const t = Math.max(0, Math.min(1, (px * c.ux + py * c.uy + c.z * c.uz) / c.length2));
      if ((px - t * c.ux) ** 2 + (py - t * c.uy) ** 2 + (c.z - t * c.uz) ** 2 < c.r2) return true;
    }
    return false;
  };
}
