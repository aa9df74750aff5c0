// Milliseconds from a submit of one pass until what it wrote is back: the first 16 bytes of the first of its buffers.
export async function timed(device, pipeline, buffers, dispatch) {
  const { MAP_READ, COPY_DST } = GPUBufferUsage;
  const back = device.createBuffer({ size: 16, usage: MAP_READ | COPY_DST });
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const began = performance.now();
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  dispatch(pass);
  pass.end();
  encoder.copyBufferToBuffer(buffers[0], 0, back, 0, 16);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  return performance.now() - began;
}
