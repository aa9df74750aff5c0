// What a phantom's thorax is made of: tissues, and the numbers that tell one patient from another. Millimetres; x goes
// to the patient's left, y to the back, z to the head. Nothing here knows of CT or MR: a point has a tissue, and
// synthetic.ts gives tissues their looks.

/** Codes of tissues. */
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
export interface Blob {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  /** Radius within the plane, and along z. */
  readonly r: number;
  readonly rz: number;
  /** Wave i goes i + 2 times round; amplitudes are parts of the radius. */
  readonly waves: readonly (readonly [amplitude: number, phase: number])[];
  /** How far the centre moves to the left with each millimetre of z. */
  readonly sway: number;
}

/** A vessel: all points within `r` of a segment. */
export interface Capsule {
  readonly from: readonly [number, number, number];
  readonly to: readonly [number, number, number];
  readonly r: number;
}

/** One patient. Lengths in mm, angles in radians. */
export interface Anatomy {
  readonly key: number;
  readonly halfWidth: number;
  readonly halfDepth: number;
  /** 0: the body is an ellipse; 1: nearly a rectangle with round corners. */
  readonly square: number;
  /** Thickness of the fat under the skin, and of the chest wall under that. */
  readonly fat: number;
  readonly wall: number;
  /** An ellipse of half axes a and b, turned; above `top` it fades into the great vessels. */
  readonly heart: {
    readonly x: number;
    readonly y: number;
    readonly a: number;
    readonly b: number;
    readonly turn: number;
    readonly top: number;
  };
  /** Half width of the great vessels' bed. */
  readonly mediastinum: number;
  /** How far the spine lies further back than usual. */
  readonly spine: number;
  readonly ribPhase: number;
  readonly ribTilt: number;
  /** Radius. */
  readonly aorta: number;
  readonly vessels: readonly Capsule[];
  readonly tumour?: Blob;
  readonly atelectasis?: Blob;
}
