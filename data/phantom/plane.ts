// The axial planes of a phantom: which tissue is where.
import { type Anatomy, type Blob, Tissue } from "./anatomy.ts";
import { blobLevel, cutCapsules, ellipse, rounded, smoothMin } from "./shapes.ts";

/** What one axial plane shows. */
export interface Plane {
  tissue(x: number, y: number): Tissue;
}

/** The axial plane at height z (mm, 0 is the middle of the phantom). */
export function planeOf(anatomy: Anatomy, z: number): Plane {
  const s = sectionOf(anatomy, z);
  const isVessel = cutCapsules(anatomy.vessels, z);
  const isTumour = cutBlob(anatomy.tumour, z);
  const isAtelectasis = cutBlob(anatomy.atelectasis, z);
  return {
    tissue(x, y) {
      const depth = depthBelowSkin(s, x, y);
      if (depth === undefined) return Tissue.air;
      if (depth < 2) return Tissue.skin;
      const fat = anatomy.fat * (1 + 0.25 * (y / s.b) ** 2);
      if (depth < fat) return Tissue.fat;
      const bone = spineAt(s, x, y) ?? ribAt(s, x, y, depth) ?? sternumAt(s, x, y);
      if (bone !== undefined) return bone;

      const cavity = cavityLevel(s, x, y);
      const isLung = cavity < 0 && outsideMediastinum(s, x, y);
      if (cavity < 4 && isTumour(x, y) && (isLung || isSoft(cavity < 0 ? mediastinumAt(s, x, y) : Tissue.muscle)))
        return Tissue.tumour;
      if (isLung) {
        if (isAtelectasis(x, y)) return Tissue.atelectasis;
        return isVessel(x, y) ? Tissue.vessel : Tissue.lung;
      }
      return cavity < 0 ? mediastinumAt(s, x, y) : wallAt(s, y, depth, fat);
    },
  };
}

/** A tumour grows into these; it spares the rest. */
const isSoft = (tissue: Tissue): boolean => tissue === Tissue.fat || tissue === Tissue.muscle;

/** What follows from a plane's height. */
interface Section {
  readonly anatomy: Anatomy;
  readonly z: number;
  /** Half axes of the body, and of the cavity within the chest wall, whose centre lies at `inY`. */
  readonly a: number;
  readonly b: number;
  readonly inA: number;
  readonly inB: number;
  readonly inY: number;
  /** The centre of the vertebral body. */
  readonly spineY: number;
  /** Half axes of the heart. */
  readonly heartA: number;
  readonly heartB: number;
  /** The centre of the great vessels; whether the plane is above the heart. */
  readonly vesselsY: number;
  readonly upper: boolean;
  readonly airwayY: number;
  /** 0: one trachea; 1: two bronchi, wholly apart. */
  readonly split: number;
}

function sectionOf(anatomy: Anatomy, z: number): Section {
  const { heart } = anatomy;
  const narrow = 1 - 0.05 * Math.max(0, z / 50) ** 2;
  const a = anatomy.halfWidth * narrow;
  const b = anatomy.halfDepth * narrow;
  const inB = b - anatomy.fat - anatomy.wall - 7;
  const inY = -9;
  const spineY = inY + inB - 6 + anatomy.spine;
  // The heart fades into the great vessels above its top.
  const heartSize = 1 - 0.45 / (1 + Math.exp(-(z - heart.top) / 8));
  return {
    anatomy,
    z,
    a,
    b,
    inA: a - anatomy.fat - anatomy.wall,
    inB,
    inY,
    spineY,
    heartA: heart.a * heartSize,
    heartB: heart.b * heartSize,
    vesselsY: -20,
    upper: z > heart.top,
    airwayY: spineY - 35,
    split: Math.max(0, Math.min(1, (12 - z) / 30)),
  };
}

/** Whether a blob is at (x, y) in the plane z. */
function cutBlob(blob: Blob | undefined, z: number): (x: number, y: number) => boolean {
  if (!blob || Math.abs(z - blob.z) >= blob.rz) return () => false;
  const dz = z - blob.z;
  const zPart = (dz / blob.rz) ** 2;
  return (x, y) => blobLevel(blob, zPart, dz, x, y) < 1;
}

/** Millimetres below the skin along the ray from the centre; undefined outside the body. */
function depthBelowSkin({ anatomy, a, b }: Section, x: number, y: number): number | undefined {
  const level = rounded(x, y, a, b, anatomy.square);
  if (level >= 1) return undefined;
  return level > 1e-6 ? Math.hypot(x, y) * (1 / level - 1) : Math.min(a, b);
}

/** Marrow within `core` of a bone's border, cortex round that, and nothing outside. */
function boneOf(level: number, core: number): Tissue | undefined {
  if (level < core) return Tissue.marrow;
  return level < 1 ? Tissue.cortex : undefined;
}

/** The spinal canal, and a vertebra's body, arch, spinous process and transverse processes. */
function spineAt({ spineY }: Section, x: number, y: number): Tissue | undefined {
  if (Math.abs(x) > 42 || y < spineY - 18 || y > spineY + 60) return undefined;
  if (ellipse(x, y - spineY - 23, 9, 8) < 1) return Tissue.canal;
  return (
    boneOf(ellipse(x, y - spineY, 18.5, 14.5), 0.84) ??
    boneOf(ellipse(x, y - spineY - 23, 14, 13), 0) ??
    boneOf(ellipse(x, y - spineY - 44, 4.5, 13), 0.5) ??
    boneOf(ellipse(Math.abs(x) - 24, y - spineY - 20, 16, 5, -0.25), 0.5)
  );
}

function ribAt({ anatomy, z, a, b }: Section, x: number, y: number, depth: number): Tissue | undefined {
  const middle = anatomy.fat + anatomy.wall * 0.62;
  if (Math.abs(depth - middle) > 4.6) return undefined;
  // Ribs run down and forward: their cuts wander round the chest with z. The angle starts at the back.
  const angle = Math.atan2(Math.abs(x) / a, y / b);
  if (!(angle > 0.42 && angle < 2.75)) return undefined;
  const spacing = 0.47;
  const turn = angle + anatomy.ribTilt * z * 1.6 + anatomy.ribPhase * spacing * 2;
  const offset = turn - spacing * Math.round(turn / spacing);
  return boneOf(Math.hypot(offset / 0.155, (depth - middle) / 4.4), 0.68);
}

const sternumAt = ({ anatomy, b }: Section, x: number, y: number): Tissue | undefined =>
  boneOf(ellipse(x, y + b - anatomy.fat - 9, 19, 6), 0.66);

/** About millimetres to the chest wall's inside; negative within the cavity. */
const cavityLevel = ({ anatomy, inA, inB, inY }: Section, x: number, y: number): number =>
  (rounded(x, y - inY, inA, inB, anatomy.square) - 1) * Math.min(inA, inB);

/** Whether a point of the cavity is lung: beside the heart, the great vessels, and what lies before the spine. */
function outsideMediastinum({ anatomy, heartA, heartB, vesselsY, spineY }: Section, x: number, y: number): boolean {
  const { heart, mediastinum } = anatomy;
  const besideHeart = (ellipse(x - heart.x, y - heart.y, heartA + 4, heartB + 4, heart.turn) - 1) * heart.b;
  const besideVessels = (ellipse(x + 2, y - vesselsY - 6, mediastinum + 7, 46) - 1) * mediastinum;
  const beforeSpine = Math.max(Math.abs(x - 3) - 27, spineY - 26 - y);
  return smoothMin(smoothMin(besideHeart, besideVessels, 10), beforeSpine, 14) > 0;
}

/** What stands between the lungs. */
function mediastinumAt(s: Section, x: number, y: number): Tissue {
  const { anatomy, spineY, heartA, heartB, vesselsY, upper, airwayY, split } = s;
  const { heart, aorta } = anatomy;
  if (ellipse(x - heart.x, y - heart.y, heartA, heartB, heart.turn) < 1) {
    if (!upper) {
      const chamber = ellipse(x - heart.x, y - heart.y, heartA - 9, heartB - 9, heart.turn);
      return chamber < 1 ? Tissue.blood : Tissue.heart;
    }
    if (ellipse(x + 12, y - vesselsY - 2, 15.5, 15) < 1) return Tissue.blood;
    if (ellipse(x - 15, y - vesselsY - 8, 14, 12) < 1) return Tissue.blood;
  }
  if (ellipse(x - 21, y - spineY + 12, aorta, aorta) < 1) return Tissue.blood;
  if (upper && ellipse(x + 26, y - vesselsY - 10, 9, 8) < 1) return Tissue.blood;
  if (ellipse(x - 4, y - spineY + 22, 7.5, 5.5) < 1) return Tissue.oesophagus;
  const airway = ellipse(Math.abs(x) - 21 * split, y - airwayY, 8 - 2 * split, 8.5 - 2 * split);
  if (airway < 1) return Tissue.airway;
  return airway < 1.25 ? Tissue.muscle : Tissue.fat;
}

/** The chest wall: muscles with a plane of fat between them, but at the back. */
function wallAt({ anatomy, spineY }: Section, y: number, depth: number, fat: number): Tissue {
  const inFatPlane = depth > fat + 3 && Math.abs(depth - fat - anatomy.wall * 0.22) < 1.1 && y < spineY;
  return inFatPlane ? Tissue.fat : Tissue.muscle;
}
