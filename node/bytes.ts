// Numbers of bytes as people write them.

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * "2GB", "512 MiB", "1.5g" or a number alone, in bytes; undefined where it is none, or 0. K, M, G, T alone are of 1024.
 */
export function parseBytes(text: string): number | undefined {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = UNITS[(unit ?? "").toLowerCase()];
  const bytes = Math.floor(Number(number) * (factor ?? NaN));
  return bytes > 0 ? bytes : undefined;
}
