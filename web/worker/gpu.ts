// The worker's device: opened when it is first needed, and again after it was lost.
import { Device } from "../../engine/index.ts";

export class StudioGpu {
  #device: Promise<Device> | undefined;

  /** Throws GpuUnavailableError where the browser has no WebGPU or no adapter, and what the GPU reports. */
  async device(): Promise<Device> {
    this.#device ??= this.#open();
    return this.#device;
  }

  async #open(): Promise<Device> {
    const forget = (): void => {
      this.#device = undefined;
    };
    try {
      const device = await Device.open(navigator.gpu);
      void device.gpu.device.lost.then(forget);
      return device;
    } catch (error) {
      forget(); // a failed try is not kept
      throw error;
    }
  }

  /** What this browser computes on. Throws as `device`. */
  async name(): Promise<string> {
    return (await this.device()).gpu.adapterName;
  }
}
