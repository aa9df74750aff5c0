// A page without modules: fetches a model and a volume beside it, segments it whole, paints its middle slice red.
import { Device } from "cmedl";
import { parseNifti, toLps } from "cmedl/data";
import { loadModel, prepareVolume, segmentVolume } from "cmedl/inference";

const said = document.querySelector("#said")!;

async function bytesOf(file: string): Promise<Uint8Array> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function main(): Promise<void> {
  const [weights, scan] = await Promise.all(["model.safetensors", "image.nii.gz"].map(bytesOf));
  const model = loadModel(weights!, "model.safetensors");
  const volume = parseNifti(scan!, "image.nii.gz");
  const device = await Device.open(navigator.gpu);
  const mask = await segmentVolume(device, model, volume, {
    yieldEveryMs: 16, // the page stays alive while kernels compile
    onProgress: ({ phase, done, total }) => (said.textContent = `${phase} ${done} of ${total}`),
  });
  device.dispose();
  const { image, range } = prepareVolume(volume, model, "image.nii.gz");
  const [nx, ny, nz] = image.shape;
  const red = toLps({ ...volume, data: mask }).data;
  const pixels = new ImageData(nx, ny);
  const first = nx * ny * (nz >> 1);
  for (let i = 0; i < nx * ny; i++) {
    const grey = (255 * (image.data[first + i]! - range.low)) / (range.high - range.low);
    pixels.data.set([red[first + i] ? 255 : grey, grey, grey, 255], 4 * i);
  }
  const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
  canvas.width = nx;
  canvas.height = ny;
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
  said.textContent = `${mask.filter(Boolean).length} voxels of ${model.labels.map((l) => l.name).join(", ")}`;
}

main().catch((error: Error) => (said.textContent = error.message)); // one sentence with the mend
