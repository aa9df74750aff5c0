// Channels of a layer as grey pictures, of several networks by one scale, so that they can be compared (Fig. 5).

/** What a layer makes of one slice: [height, width, channels]. */
export interface Features {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly values: Float32Array;
}

/** Grey pictures [height, width] in [−1, 1], one a channel. */
export interface GreyMaps {
  readonly height: number;
  readonly width: number;
  readonly maps: readonly Float32Array[];
}

/** Parts of a channel's pixels that are darker than black and lighter than white. */
const BEYOND = 0.005;

/**
 * The first `count` channels of each network's features, which are of one shape, as grey pictures of at most `side`
 * pixels: means of squares of pixels. A channel has one scale for all networks: black is what half a percent of its
 * pixels lie below, white what half a percent lie above; where these are one value, as in a channel that is 0 nearly
 * everywhere, black is the least value and white the greatest. A channel that is the same everywhere is black; NaN
 * stays.
 */
export function greyMaps(networks: readonly Features[], { count = 24, side = 128 } = {}): GreyMaps[] {
  const smaller = networks.map((features) => shrunk(features, count, side));
  const ranges = smaller[0]!.maps.map((_, channel) => rangeOf(smaller.map(({ maps }) => maps[channel]!)));
  return smaller.map(({ maps, ...size }) => ({
    ...size,
    maps: maps.map((map, channel) => {
      const { low, high } = ranges[channel]!;
      return map.map((v) =>
        high > low || Number.isNaN(v) ? Math.min(1, Math.max(-1, (2 * (v - low)) / (high - low) - 1)) : -1,
      );
    }),
  }));
}

/** The first channels, by themselves, at the largest size that `side` allows. */
function shrunk({ height, width, channels, values }: Features, count: number, side: number): GreyMaps {
  const factor = Math.max(1, Math.ceil(Math.max(height, width) / side));
  const [h, w] = [Math.floor(height / factor), Math.floor(width / factor)];
  const maps = Array.from({ length: Math.min(count, channels) }, (_, channel) => {
    const map = new Float32Array(h * w);
    for (let y = 0; y < h * factor; y++)
      for (let x = 0; x < w * factor; x++)
        map[Math.floor(y / factor) * w + Math.floor(x / factor)]! +=
          values[(y * width + x) * channels + channel]! / factor ** 2;
    return map;
  });
  return { height: h, width: w, maps };
}

function rangeOf(maps: readonly Float32Array[]): { low: number; high: number } {
  const sorted = Float32Array.from(maps.flatMap((map) => [...map.filter(Number.isFinite)])).sort();
  const beyond = Math.floor(BEYOND * sorted.length);
  const at = (part: number): { low: number; high: number } => ({
    low: sorted[part] ?? 0,
    high: sorted[sorted.length - 1 - part] ?? 0,
  });
  const range = at(beyond);
  return range.high > range.low ? range : at(0);
}
