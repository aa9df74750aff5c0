import type { Row } from "./report.ts";
export async function runPeers(_w: readonly string[], _o: unknown, _s: (l: string) => void): Promise<Row[]> { return []; }
