// Parts of the engine that only some programs need: what needs one brings it, so that other bundles are without it.

export class Part<T> {
  /** Undefined where nothing brought it. */
  brought: T | undefined;

  bring(part: T): void {
    this.brought = part;
  }
}
