// The image through a model; its mask against the expert's, and as a file.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { download } from "../files.ts";
import { during, expert, image, mask, model, place, say, takeIn, tellError } from "../state.ts";
import { callback, studio } from "../studio.ts";
import type { OpenedImage } from "../worker/files.ts";
import { OfferedModels } from "./offered-models.tsx";
import { ModelChoice } from "./model-choice.tsx";
import type { Comparison, MaskFormat, WrittenFile } from "../worker/results.ts";
import type { Progress, SegmentedVolume } from "../worker/segmenting.ts";

/** Of surface Dice. */
const TOLERANCE_MM = 3;

/** Scores, and the mask that they are of. */
const comparison = signal<(Comparison & { readonly of: typeof mask.value }) | undefined>(undefined);

export function Segment(): JSX.Element {
  const chosen = model.value;
  return (
    <section aria-label="Segment">
      <h2>Model</h2>
      <ModelChoice />
      <OfferedModels />
      <div class="row">
        <button type="button" disabled={!chosen || !image.value} onClick={() => void segment(chosen!.id)}>
          Segment the volume
        </button>
        <button
          type="button"
          disabled={!chosen?.translates || !image.value}
          title="the image in the look of the teacher's modality, as the model's translator makes it"
          onClick={() => void translate(chosen!.id)}
        >
          Translate to pseudo MR
        </button>
      </div>
      <h2>Against the expert</h2>
      <div class="row">
        <button type="button" disabled={!mask.value || !expert.value} onClick={() => void compare()}>
          Compare
        </button>
      </div>
      {comparison.value?.of === mask.value && comparison.value && <Scores of={comparison.value} />}
      <h2>Save the mask</h2>
      <div class="row">
        {(["nifti", "rtstruct", "seg"] as const).map((format) => (
          <button
            type="button"
            disabled={!mask.value || (format !== "nifti" && !image.value?.isDicom)}
            onClick={() => void save(format)}
          >
            {{ nifti: "NIfTI", rtstruct: "RTSTRUCT", seg: "SEG" }[format]}
          </button>
        ))}
      </div>
      <p class="note">Not for diagnostic use.</p>
    </section>
  );
}

function Scores({ of: { structures, worst } }: { readonly of: Comparison }): JSX.Element {
  const number = (v: number, digits: number): string => (Number.isNaN(v) ? "–" : v.toFixed(digits));
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">structure</th>
            <th scope="col">Dice</th>
            <th scope="col">at {TOLERANCE_MM} mm</th>
            <th scope="col">HD95</th>
          </tr>
        </thead>
        <tbody>
          {structures.map(({ name, dice, surfaceDice, hd95Mm }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{number(dice, 3)}</td>
              <td>{number(surfaceDice, 3)}</td>
              <td>{number(hd95Mm, 1)} mm</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>Slices that agree least:</p>
      <div class="row">
        {worst.map(({ slice, dice }) => (
          <button
            type="button"
            onClick={() => {
              place.value = [place.value[0], place.value[1], slice];
            }}
          >
            {slice + 1} <small>{dice.toFixed(2)}</small>
          </button>
        ))}
      </div>
    </>
  );
}

async function segment(id: number): Promise<void> {
  const shown = image.value!;
  const found = (await during("segmenting", (onProgress, signal) =>
    studio.segmenting.segment(
      id,
      shown.id,
      callback((progress: Progress) => onProgress(progress)),
      signal,
    ),
  )) as SegmentedVolume | undefined;
  if (!found || image.value !== shown) return;
  mask.value = { data: found.mask, labels: found.labels, version: 0 };
  comparison.value = undefined;
  const voxels = found.mask.reduce((n, v) => n + Number(v > 0), 0);
  say(`${voxels} voxels in ${found.seconds.toFixed(1)} s`);
}

async function translate(model: number): Promise<void> {
  const shown = image.value!;
  const found = (await during("translating", (onProgress, signal) =>
    studio.segmenting.translate(
      model,
      shown.id,
      callback((progress: Progress) => onProgress(progress)),
      signal,
    ),
  )) as OpenedImage | undefined;
  if (found) takeIn({ opened: [found], faults: [] });
}

async function compare(): Promise<void> {
  try {
    const of = mask.value!;
    const found = await studio.results.compare(image.value!.id, of.data, of.labels, expert.value!.id, TOLERANCE_MM);
    comparison.value = { ...(found as Comparison), of };
  } catch (error) {
    tellError(error);
  }
}

async function save(format: MaskFormat): Promise<void> {
  const { data, labels } = mask.value!;
  try {
    const file = (await studio.results.write(image.value!.id, data, labels, format)) as WrittenFile;
    download(file);
    say(`${file.name} was saved`);
  } catch (error) {
    tellError(error);
  }
}
