// A mask over its scan in NiiVue: fetches a model and a scan beside the page, and shows both as volumes of NIfTI bytes.
import { NVImage, Niivue } from "@niivue/niivue";
import { Device } from "cmedl";
import { parseNifti, writeNifti } from "cmedl/data";
import { loadModel, segmentVolume } from "cmedl/inference";

const said = document.querySelector("#said")!;

async function bytesOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A volume for NiiVue; that it is made of a file's bytes spares the page a policy for blob: addresses. */
const volumeOf = (bytes: Uint8Array<ArrayBuffer>, name: string, look: object = {}): Promise<NVImage> =>
  NVImage.loadFromFile({ file: new File([bytes], name), name, ...look });

async function main(): Promise<void> {
  const viewer = new Niivue({ logLevel: "error", isResizeCanvas: false, crosshairColor: [0.2, 0.6, 1, 1] });
  await viewer.attachToCanvas(document.querySelector<HTMLCanvasElement>("#viewer")!);
  const scan = await bytesOf("image.nii.gz");
  viewer.addVolume(await volumeOf(scan, "image.nii.gz"));

  const model = loadModel(await bytesOf("model.safetensors"), "model.safetensors");
  const volume = parseNifti(scan, "image.nii.gz");
  const device = await Device.open(navigator.gpu);
  const mask = await segmentVolume(device, model, volume, {
    yieldEveryMs: 16, // the viewer stays alive while kernels compile
    onProgress: ({ phase, done, total }) => (said.textContent = `${phase} ${done} of ${total}`),
  });
  device.dispose();

  // On the scan's grid and in its orientation: label values, 0 elsewhere.
  const names = model.labels.map((label) => label.name).join(", ");
  const look = { colormap: "red", opacity: 0.5, cal_min: 0, cal_max: 1 };
  viewer.addVolume(await volumeOf(writeNifti(mask, volume, { gzip: false }), `${names}.nii`, look));
  said.textContent = `${mask.filter(Boolean).length} voxels of ${names}`;
}

main().catch((error: Error) => (said.textContent = error.message)); // one sentence with the mend
