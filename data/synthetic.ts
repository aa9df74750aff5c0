// A synthetic unpaired set: thorax phantoms seen by CT (Hounsfield units) or by a T2-weighted MR (arbitrary units).
// The tumour is nearly isodense with muscle and blood on CT and plain on MR. Not medical data; made to try the whole
// method where there is none.
import { Tissue, type Tissue as TissueCode } from "./phantom/anatomy.ts";
import { drawAnatomy } from "./phantom/draw.ts";
import { type Plane, planeOf } from "./phantom/plane.ts";
import { seenByCt, seenByMr } from "./phantom/scanner.ts";
import { keyOf, uniform } from "./random.ts";
import type { LoadedCase } from "./slices.ts";
import { makeVolume } from "./volume.ts";

export type Modality = "CT" | "MR";

export interface PhantomOptions {
  readonly modality: Modality;
  readonly seed: number;
  /** Which patient of the set; patients of different sets differ too. */
  readonly index: number;
  /** Pixels of a side. */
  readonly size: number;
  /** Axial slices, 6 mm apart. Default 16. */
  readonly slices?: number;
  /** Field of view. Default 330 mm. */
  readonly fieldMm?: number;
  /**
   * The set that the anatomy is drawn for. Default: the modality; naming the other one shows the same patient on
   * both.
   */
  readonly set?: string;
  readonly tumour?: boolean;
}

const SLICE_MM = 6;

interface Look {
  /** HU, and arbitrary T2-weighted signal. */
  readonly CT: number;
  readonly MR: number;
  /** Variation between patients (±) and texture within the tissue (±), in the same units. */
  readonly vary: readonly [ct: number, mr: number];
  readonly texture: readonly [ct: number, mr: number];
}

const looks: Readonly<Record<TissueCode, Look>> = {
  [Tissue.air]: { CT: -1000, MR: 0, vary: [0, 0], texture: [0, 0] },
  [Tissue.skin]: { CT: 0, MR: 300, vary: [15, 40], texture: [5, 10] },
  [Tissue.fat]: { CT: -100, MR: 400, vary: [10, 40], texture: [10, 50] },
  [Tissue.muscle]: { CT: 50, MR: 200, vary: [4, 25], texture: [6, 25] },
  [Tissue.cortex]: { CT: 600, MR: 45, vary: [80, 15], texture: [40, 8] },
  [Tissue.marrow]: { CT: 280, MR: 230, vary: [50, 50], texture: [40, 30] },
  [Tissue.canal]: { CT: 20, MR: 600, vary: [8, 60], texture: [3, 40] },
  [Tissue.lung]: { CT: -830, MR: 40, vary: [30, 12], texture: [35, 14] },
  [Tissue.vessel]: { CT: 20, MR: 95, vary: [10, 15], texture: [10, 15] },
  [Tissue.heart]: { CT: 46, MR: 250, vary: [4, 25], texture: [5, 20] },
  [Tissue.blood]: { CT: 40, MR: 110, vary: [4, 25], texture: [3, 30] },
  [Tissue.airway]: { CT: -980, MR: 10, vary: [5, 3], texture: [3, 3] },
  [Tissue.oesophagus]: { CT: 32, MR: 260, vary: [8, 30], texture: [6, 20] },
  [Tissue.atelectasis]: { CT: 38, MR: 260, vary: [8, 35], texture: [10, 30] },
  [Tissue.tumour]: { CT: 47, MR: 820, vary: [9, 80], texture: [9, 80] },
};

/** One patient as a case: a volume [size, size, slices] in HU or MR units (int16) and the tumour's mask. */
export function phantomCase(options: PhantomOptions): LoadedCase {
  const { modality, seed, index, size, slices = 16, fieldMm = 330, tumour = true } = options;
  const set = options.set ?? modality;
  const key = keyOf(seed, "phantom", set, index);
  const scan = keyOf(key, "scan", modality);
  const anatomy = drawAnatomy(key, { tumour });
  const look = patientLook(modality, key);
  const pixelMm = fieldMm / size;
  const n = size * size;
  const data = new Int16Array(n * slices);
  const mask = new Uint8Array(n * slices);
  const clean = new Float32Array(n);
  for (let s = 0; s < slices; s++) {
    const plane = planeOf(anatomy, (s - (slices - 1) / 2) * SLICE_MM);
    const texture = (x: number, y: number): number =>
      0.65 * valueNoise(scan, x / 7, y / 7, s) + 0.35 * valueNoise(scan + 1, x / 22, y / 22, s);
    drawSlice(plane, look, texture, size, fieldMm, clean, mask.subarray(s * n, (s + 1) * n));
    const noise = keyOf(scan, "noise", s);
    const out = data.subarray(s * n, (s + 1) * n);
    if (modality === "CT") seenByCt(clean, size, pixelMm, noise, out);
    else seenByMr(clean, size, noise, scan, out);
  }
  const id = `${set.toLowerCase()}-${String(index + 1).padStart(3, "0")}`;
  const name = `${id} (phantom, ${modality})`;
  const image = makeVolume(name, data, [size, size, slices], [pixelMm, pixelMm, SLICE_MM]);
  return { id, patient: id, image, mask };
}

/** A whole set: patients `first` … `first + count − 1`. */
export const phantomSet = (options: Omit<PhantomOptions, "index">, count: number, first = 0): LoadedCase[] =>
  Array.from({ length: count }, (_, i) => phantomCase({ ...options, index: first + i }));

/** How one patient's tissues look on one modality: value and roughness by the tissue's code. */
interface PatientLook {
  readonly level: Float32Array;
  readonly roughness: Float32Array;
  /** What a lung gains with each millimetre to the back. */
  readonly lungSlope: number;
}

function patientLook(modality: Modality, key: number): PatientLook {
  const codes = Object.values(Tissue);
  const level = new Float32Array(codes.length);
  const roughness = new Float32Array(codes.length);
  const m = modality === "CT" ? 0 : 1;
  for (const code of codes) {
    const { [modality]: value, vary, texture } = looks[code];
    level[code] = value + vary[m] * (2 * uniform(keyOf(key, "look", modality), code) - 1);
    roughness[code] = texture[m];
  }
  // Blood sinks: a lung is denser at the back.
  return { level, roughness, lungSlope: modality === "CT" ? 0.5 : 0 };
}

/**
 * The ideal values of a plane into `clean`, and where the tumour fills half a pixel into `mask`, both [size, size].
 * `texture` gives a number in [−1, 1] for a place in mm.
 */
function drawSlice(
  plane: Plane,
  { level, roughness, lungSlope }: PatientLook,
  texture: (x: number, y: number) => number,
  size: number,
  fieldMm: number,
  clean: Float32Array,
  mask: Uint8Array,
): void {
  const pixel = fieldMm / size;
  // Enough sub-pixels that a 6 mm pixel mixes its tissues smoothly.
  const sub = Math.min(4, Math.max(2, Math.ceil(pixel / 2)));
  for (let j = 0, o = 0; j < size; j++)
    for (let i = 0; i < size; i++, o++) {
      let sum = 0;
      let rough = 0;
      let inTumour = 0;
      for (let v = 0; v < sub; v++)
        for (let u = 0; u < sub; u++) {
          const y = (j + (v + 0.5) / sub) * pixel - fieldMm / 2;
          const code = plane.tissue((i + (u + 0.5) / sub) * pixel - fieldMm / 2, y);
          sum += level[code]!;
          rough += roughness[code]!;
          if (code === Tissue.lung) sum += lungSlope * y;
          if (code === Tissue.tumour) inTumour++;
        }
      if (rough > 0) sum += rough * texture(i * pixel, j * pixel);
      clean[o] = sum / (sub * sub);
      mask[o] = 2 * inTumour >= sub * sub ? 1 : 0;
    }
}

/** Smooth noise in [−1, 1] on a unit lattice. */
function valueNoise(key: number, x: number, y: number, s: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const fx = x - x0;
  const fy = y - y0;
  const at = (i: number, j: number): number => uniform(key + s * 7919, (i & 0xfff) * 4096 + (j & 0xfff));
  const u = fx * fx * (3 - 2 * fx);
  const v = fy * fy * (3 - 2 * fy);
  const top = at(x0, y0) * (1 - u) + at(x0 + 1, y0) * u;
  const bottom = at(x0, y0 + 1) * (1 - u) + at(x0 + 1, y0 + 1) * u;
  return 2 * (top * (1 - v) + bottom * v) - 1;
}
