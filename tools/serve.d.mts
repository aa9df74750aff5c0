export interface Server {
  /** "http://127.0.0.1:PORT/" */
  readonly url: string;
  close(): void;
}

/** What is served for a path, which is decoded and begins with "/"; nothing is not found. */
export type Served = (path: string) => Promise<Uint8Array | string | undefined> | Uint8Array | string | undefined;

export function serve(
  served: Served,
  options?: { readonly port?: number; readonly headers?: Readonly<Record<string, string>> },
): Promise<Server>;

export function fileBelow(folder: string, path: string): Promise<Uint8Array | undefined>;

export function serveFolder(folder: string, port: number): Promise<Server>;
