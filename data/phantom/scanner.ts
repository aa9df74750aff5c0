// What a scanner makes of a plane's ideal values: blur, noise, and an MR coil's uneven sensitivity.
import { keyOf, normal, uniform } from "../random.ts";

/**
 * CT: a slight blur of the detector, and Gaussian noise that the reconstruction has smoothed. `clean` and `out` are
 * [size, size] in HU, `noise` is the key of the grain.
 */
export function seenByCt(clean: Float32Array, size: number, pixelMm: number, noise: number, out: Int16Array): void {
  const sharp = blur(clean, size, Math.min(0.12, 0.25 / pixelMm));
  const grain = blur(
    Float32Array.from(clean, (_, i) => normal(noise, i)),
    size,
    0.2,
  );
  // After the smoothing the grain has 0.44 of its standard deviation: about 11 HU.
  for (let i = 0; i < out.length; i++) out[i] = Math.max(-1024, Math.round(sharp[i]! + 25 * grain[i]!));
}

/**
 * MR: a smooth sensitivity over the field, the same for all slices of `scan`, and Rician noise (the magnitude of a
 * complex signal) of the key `noise`. `clean` and `out` are [size, size].
 */
export function seenByMr(clean: Float32Array, size: number, noise: number, scan: number, out: Int16Array): void {
  const soft = blur(clean, size, 0.1);
  const u = (k: number): number => 2 * uniform(keyOf(scan, "bias"), k) - 1;
  for (let j = 0, o = 0; j < size; j++)
    for (let i = 0; i < size; i++, o++) {
      const x = (2 * i) / size - 1;
      const y = (2 * j) / size - 1;
      const bias = Math.exp(
        0.16 * u(0) * x + 0.16 * u(1) * y + 0.12 * u(2) * x * y + 0.16 * (u(3) - 0.6) * (x * x + y * y - 0.5),
      );
      out[o] = Math.round(Math.hypot(soft[o]! * bias + 17 * normal(noise, 2 * o), 17 * normal(noise, 2 * o + 1)));
    }
}

/** [w, 1 − 2w, w] along rows, then columns; borders repeat. */
function blur(image: Float32Array, size: number, w: number): Float32Array {
  const rows = new Float32Array(image.length);
  const out = new Float32Array(image.length);
  const last = size - 1;
  for (let j = 0, o = 0; j < size; j++)
    for (let i = 0; i < size; i++, o++)
      rows[o] = image[o]! * (1 - 2 * w) + w * (image[o - (i > 0 ? 1 : 0)]! + image[o + (i < last ? 1 : 0)]!);
  for (let j = 0, o = 0; j < size; j++)
    for (let i = 0; i < size; i++, o++)
      out[o] = rows[o]! * (1 - 2 * w) + w * (rows[o - (j > 0 ? size : 0)]! + rows[o + (j < last ? size : 0)]!);
  return out;
}
