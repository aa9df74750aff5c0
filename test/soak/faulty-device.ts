// A device whose memory ends at an allocation that is chosen: it answers as a driver does that has none left.
import type { Device } from "../../engine/index.ts";
import { bytesOf } from "../../engine/gpu/gpu.ts";

/** Counts the buffers and textures of a device, and refuses one of them. */
export class Allocations {
  /** Buffers and textures that were asked for. */
  count = 0;
  /** Refused outside of any out-of-memory scope: nobody would hear of it. */
  unheard = 0;
  bytes = 0;
  peakBytes = 0;
  #refused = -1;
  /** For each scope that is open: its kind, and whether an allocation was refused within. */
  readonly #scopes: { readonly filter: GPUErrorFilter; refused: boolean }[] = [];

  constructor(device: Device) {
    const raw = device.gpu.device;
    const create = raw.createBuffer.bind(raw);
    const createTexture = raw.createTexture.bind(raw);
    const push = raw.pushErrorScope.bind(raw);
    const pop = raw.popErrorScope.bind(raw);
    // As a driver gives it: no buffer, but an object of which each use is an error.
    const useless = <T>(make: () => T): T => {
      push("validation");
      const none = make();
      void pop();
      return none;
    };
    const replace = (name: string, value: unknown): void =>
      void Object.defineProperty(raw, name, { value, configurable: true });
    replace("createBuffer", (descriptor: GPUBufferDescriptor): GPUBuffer => {
      if (this.#allows()) return this.#counted(create(descriptor));
      return useless(() => create({ ...descriptor, usage: 0 }));
    });
    replace("createTexture", (descriptor: GPUTextureDescriptor): GPUTexture => {
      if (this.#allows()) return this.#counted(createTexture(descriptor));
      return useless(() => createTexture({ ...descriptor, usage: 0 }));
    });
    replace("pushErrorScope", (filter: GPUErrorFilter): void => {
      this.#scopes.push({ filter, refused: false });
      push(filter);
    });
    replace("popErrorScope", async (): Promise<GPUError | null> => {
      const scope = this.#scopes.pop();
      const error = await pop();
      return scope?.refused ? new GPUOutOfMemoryError("allocation failed with VK_ERROR_OUT_OF_DEVICE_MEMORY") : error;
    });
  }

  /** Refuses the n-th allocation from now on, from 0; none for −1. */
  refuse(n: number): void {
    this.count = 0;
    this.unheard = 0;
    this.#refused = n;
  }

  /** Whether this allocation is given. */
  #allows(): boolean {
    if (this.count++ !== this.#refused) return true;
    const scope = this.#scopes.findLast(({ filter }) => filter === "out-of-memory");
    if (scope) scope.refused = true;
    else this.unheard++;
    return false;
  }

  #counted<T extends GPUBuffer | GPUTexture>(made: T): T {
    const destroy = made.destroy.bind(made);
    let size = bytesOf(made);
    this.bytes += size;
    this.peakBytes = Math.max(this.peakBytes, this.bytes);
    Object.defineProperty(made, "destroy", {
      value: () => {
        this.bytes -= size;
        size = 0;
        destroy();
      },
    });
    return made;
  }
}
