// How a tensor stands in a storage texture: a texel holds four f32, and texels follow each other row by row.

export const TEXEL_FORMAT = "rgba32float";
export const TEXEL_BYTES = 16;
/** Texels of a row. Rows of a copy begin at multiples of 256 bytes, and every device's textures can have 8192 of them. */
export const TEXELS_IN_ROW = 256;
export const MOST_TEXEL_ROWS = 8192;
/** Textures that a dispatch reads: for the factors of a product. Every device lets it read four. */
export const MOST_TEXTURES = 2;

/** Rows that so many bytes take. */
export const texelRows = (bytes: number): number => Math.ceil(bytes / (TEXEL_BYTES * TEXELS_IN_ROW));
