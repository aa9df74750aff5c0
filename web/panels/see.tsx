// What is open: images, masks and models; how the image is shown.
import type { JSX } from "preact";
import { isSameGrid } from "../../data/alignment.ts";
import { lungWindow, softTissueWindow } from "../../data/intensity.ts";
import { chosen, open } from "../files.ts";
import { close, expert, image, images, masks, models, opacity, show, shownWindow, takeIn } from "../state.ts";
import { studio } from "../studio.ts";
import { pointer, ruler, tool } from "../view/tools.ts";
import type { Opened, OpenedFiles } from "../worker/files.ts";

const WINDOWS = [
  { name: "soft tissue", ...softTissueWindow },
  { name: "lung", ...lungWindow },
  { name: "bone", low: -450, high: 1050 },
] as const;

export function See(): JSX.Element {
  return (
    <section aria-label="See">
      <h2>Files</h2>
      <p>Drop images, DICOM folders, masks or models anywhere on the page. Nothing is uploaded.</p>
      <Choose />
      <OpenFiles />
      <h2>Display</h2>
      <Grey />
      <Drag />
    </section>
  );
}

/** Buttons that open files, a folder or a phantom. */
function Choose(): JSX.Element {
  return (
    <div class="row">
      <label class="button">
        Files…
        <input type="file" multiple class="hidden" onChange={(e) => void open(chosen(e.currentTarget))} />
      </label>
      <label class="button">
        Folder…
        <input
          type="file"
          class="hidden"
          ref={(input) => input?.setAttribute("webkitdirectory", "")}
          onChange={(e) => void open(chosen(e.currentTarget))}
        />
      </label>
      <button type="button" onClick={() => void makePhantom()}>
        A phantom
      </button>
    </div>
  );
}

/** What is open: images with their warnings, masks, models. */
function OpenFiles(): JSX.Element {
  return (
    <ul class="files">
      {images.value.map((item) => (
        <li key={item.id}>
          <button type="button" aria-pressed={item === image.value} onClick={() => show(item)}>
            {item.name} <small>{item.shape.join(" × ")}</small>
          </button>
          <Close item={item} />
          {item.warnings.map((warning) => (
            <small class="warning">{warning}</small>
          ))}
        </li>
      ))}
      {masks.value.map((item) => (
        <li key={item.id}>
          <button
            type="button"
            aria-pressed={item === expert.value}
            disabled={!image.value || !isSameGrid(image.value, item)}
            title="shown as the expert's mask on an image that it lies on"
            onClick={() => {
              expert.value = item === expert.value ? undefined : item;
            }}
          >
            {item.name} <small>mask: {item.labels.map(({ name }) => name).join(", ") || "empty"}</small>
          </button>
          <Close item={item} />
        </li>
      ))}
      {models.value.map((item) => (
        <li key={item.id}>
          <span>
            {item.name} <small>{item.says}</small>
          </span>
          <Close item={item} />
        </li>
      ))}
    </ul>
  );
}

/** The window that grey values are shown by, and the mask's opacity. */
function Grey(): JSX.Element {
  return (
    <>
      <div class="row">
        {WINDOWS.map(({ name, low, high }) => (
          <button
            type="button"
            onClick={() => {
              shownWindow.value = { low, high };
            }}
          >
            {name}
          </button>
        ))}
      </div>
      <p class="numbers">
        window {shownWindow.value.low.toFixed(0)} … {shownWindow.value.high.toFixed(0)}; right drag or Shift + drag
        changes it
      </p>
      <label>
        mask's opacity
        <input
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={opacity.value}
          onInput={(e) => {
            opacity.value = Number(e.currentTarget.value);
          }}
        />
      </label>
    </>
  );
}

/** What a drag on a plane does. */
function Drag(): JSX.Element {
  return (
    <fieldset class="row">
      <legend>A drag</legend>
      {[pointer, ruler].map((one) => (
        <button
          type="button"
          title={one.says}
          aria-pressed={tool.value === one}
          onClick={() => {
            tool.value = one;
          }}
        >
          {one.name}
        </button>
      ))}
    </fieldset>
  );
}

async function makePhantom(): Promise<void> {
  takeIn((await studio.files.phantom("CT", images.value.length)) as OpenedFiles);
}

function Close({ item }: { readonly item: Opened }): JSX.Element {
  const closeIt = (): void => {
    close(item);
    void studio.files.close(item.id);
  };
  return (
    <button type="button" class="close" aria-label={`close ${item.name}`} onClick={closeIt}>
      ×
    </button>
  );
}
