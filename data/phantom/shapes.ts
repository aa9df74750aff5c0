// The shapes that a phantom's organs have: each gives a level that is below 1 inside and 1 on the border.
import type { Blob, Capsule } from "./anatomy.ts";

/** (in-plane distance / radius)² + (z distance / rz)²; `zPart` is the latter, `dz` the distance in mm. */
export function blobLevel({ x, y, r, waves, sway }: Blob, zPart: number, dz: number, px: number, py: number): number {
  const dx = px - x - sway * dz;
  const dy = py - y;
  const d2 = dx * dx + dy * dy;
  if (d2 > 2.6 * r * r) return 2;
  const angle = Math.atan2(dy, dx);
  let radius = r;
  waves.forEach(([a, phase], i) => {
    radius += r * a * Math.cos((i + 2) * angle + phase + 0.02 * (i + 1) * dz);
  });
  return d2 / (radius * radius) + zPart;
}

/** Level of an ellipse turned by `turn`: 1 on its border. */
export function ellipse(x: number, y: number, a: number, b: number, turn = 0): number {
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const u = (c * x + s * y) / a;
  const v = (c * y - s * x) / b;
  return Math.sqrt(u * u + v * v);
}

/** Level of a rounded rectangle: between an ellipse and the fourth-power curve. */
export function rounded(x: number, y: number, a: number, b: number, square: number): number {
  const u = (x / a) ** 2;
  const v = (y / b) ** 2;
  return (1 - square) * Math.sqrt(u + v) + square * Math.sqrt(Math.sqrt(u * u + v * v));
}

/** Smooth minimum (polynomial) of two signed distances, rounding over `k` mm. */
export function smoothMin(p: number, q: number, k: number): number {
  const h = Math.max(0, Math.min(1, 0.5 + (0.5 * (q - p)) / k));
  return q + (p - q) * h - k * h * (1 - h);
}

/** Whether a capsule is at (x, y) in the plane z. */
export function cutCapsules(all: readonly Capsule[], z: number): (x: number, y: number) => boolean {
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
