// A mask as an overlay of a viewer: prints how large it is. Viewers such as NiiVue take the bytes of a NIfTI file:
//
//   const url = URL.createObjectURL(new Blob([overlay.bytes]));
//   await niivue.loadVolumes([{ url: "scan.nii.gz" }, { url, name: overlay.name, colormap: "red", opacity: 0.5 }]);
//
// which under a Content-Security-Policy needs connect-src blob: beside the rest.
import { Device, RandomStreams } from "cmedl";
import { type Volume, phantomSet, softTissueWindow, writeNifti } from "cmedl/data";
import { type SegmentationModel, networkModel, segmentVolume } from "cmedl/inference";
import { UNet } from "cmedl/models";
import { openNodeGpu } from "cmedl/node";

/** The mask of a scan as a file of its own, on the scan's grid and in its orientation: label values, 0 elsewhere. */
async function overlayOf(
  device: Device,
  model: SegmentationModel,
  scan: Volume,
): Promise<{ name: string; bytes: Uint8Array<ArrayBuffer> }> {
  const mask = await segmentVolume(device, model, scan);
  return {
    name: `${model.labels.map((label) => label.name).join("-")}.nii`,
    bytes: writeNifti(mask, scan, { gzip: false }),
  };
}

const module = new UNet({ width: 2, depth: 2 }); // in earnest: loadModel of a file
module.initialize(new RandomStreams(0));
const labels = [{ value: 1, name: "tumour" }];
const model = networkModel({ network: "unet", module, size: 32, fieldMm: 330, intensity: softTissueWindow, labels });
const [patient] = phantomSet({ modality: "CT", seed: 0, size: 32 }, 1, 0);
using device = await Device.open((await openNodeGpu({ quiet: true })).gpu); // in a page: Device.open(navigator.gpu)
const overlay = await overlayOf(device, model, patient!.image);
console.log(`${overlay.name}: ${overlay.bytes.length} bytes, scan of ${patient!.image.data.length} voxels`);
