// Buffers of a caller's own, in Node and in a page.

// Node has the constants' objects only once Dawn is there.
export const COPY_SRC = 4;
export const COPY_DST = 8;
export const STORAGE = 128;
const MAP_READ = 1;

/** A buffer with these numbers. */
export function bufferOf(gpu: GPUDevice, data: Float32Array, usage = COPY_SRC | COPY_DST): GPUBuffer {
  const buffer = gpu.createBuffer({ size: data.byteLength, usage: usage | COPY_DST });
  gpu.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}

/** What `copy` puts into a buffer of that many bytes. */
export async function copiedBytes(
  gpu: GPUDevice,
  size: number,
  copy: (encoder: GPUCommandEncoder, into: GPUBuffer) => void,
): Promise<ArrayBuffer> {
  const staging = gpu.createBuffer({ size, usage: MAP_READ | COPY_DST });
  const encoder = gpu.createCommandEncoder();
  copy(encoder, staging);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const bytes = staging.getMappedRange().slice(0);
  staging.destroy();
  return bytes;
}

/** The numbers that a buffer holds. */
export const valuesOf = async (gpu: GPUDevice, buffer: GPUBuffer): Promise<number[]> => [
  ...new Float32Array(
    await copiedBytes(gpu, buffer.size, (encoder, into) => encoder.copyBufferToBuffer(buffer, 0, into, 0, buffer.size)),
  ),
];
