// The grid that contours and segments of tests are drawn on.

/** Columns and rows. */
export const side = 10;
/** Voxels of 1 × 1 × 2 mm whose first is at the origin of LPS: index and millimetre are one but for z. */
export const grid = {
  shape: [side, side, 4] as const,
  affine: [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1],
  oriented: true,
};
