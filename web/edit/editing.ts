// The mask that is shown, as it is corrected: which edit it belongs to, what it starts from, undo and redo.
import { computed, signal } from "@preact/signals";
import type { Label } from "../../inference/index.ts";
import { expert, image, mask, model, say } from "../state.ts";
import type { OpenedMask } from "../worker/files.ts";
import { MaskEdit } from "./mask-edit.ts";

interface Editing {
  readonly edit: MaskEdit;
  readonly imageId: number;
  /** Whether what it started from came from an algorithm. */
  readonly isGiven: boolean;
}

const editing = signal<Editing | undefined>(undefined);
/** Counts the changes that are done, so that lists of slices are not made at each move of a brush. */
const changes = signal(0);

/** The voxels that are shown: they stay the same while they are drawn on. */
const shownVoxels = computed(() => mask.value?.data);

/** The edit of the mask that is shown, a new object after each change; undefined before there is a mask. */
export const edit = computed(() => {
  void changes.value;
  const begun = editing.value;
  return begun && begun.edit.data === shownVoxels.value ? { ...begun } : undefined;
});

/** The label that brush and fill give. */
export const label = signal(1);

/** The edit of the mask that is shown: begun where a mask came, or none was there. */
export function editShown(): MaskEdit | undefined {
  const shown = image.peek();
  if (!shown) return undefined;
  const known = editing.peek();
  const given = mask.peek();
  if (given && known?.edit.data === given.data) return known.edit;
  const voxels = shown.shape.reduce((n, side) => n * side, 1);
  mask.value = given ?? { data: new Uint8Array(voxels), labels: labelsToDraw(), version: 0 };
  const { data, labels } = mask.value;
  const next = new MaskEdit(data, shown.shape);
  // What was corrected before the algorithm was asked again is not lost: undo brings it back.
  if (known && known.imageId === shown.id && known.edit.canUndo) next.follow(known.edit.data);
  editing.value = { edit: next, imageId: shown.id, isGiven: given !== undefined };
  if (!labels.some(({ value }) => value === label.peek())) label.value = labels[0]?.value ?? 1;
  changes.value++;
  return next;
}

/** The structures that can be drawn before any mask is there: the model's, the expert's, or one without a name. */
const labelsToDraw = (): readonly Label[] => {
  const found = [model.peek()?.labels, expert.peek()?.labels].find((labels) => labels && labels.length > 0);
  return found ?? [{ value: 1, name: "structure" }];
};

/** Shows what a tool changed so far. */
export function showChange(): void {
  const shown = mask.peek();
  if (shown) mask.value = { ...shown, version: shown.version + 1 };
}

/** Ends a change, so that it is taken back as one. */
export function endChange(): void {
  if (editing.peek()?.edit.finish()) changes.value++;
}

export function undo(): void {
  if (!edit.peek()?.edit.canUndo) return;
  edit.peek()!.edit.undo();
  showChange();
  changes.value++;
}

export function redo(): void {
  if (!edit.peek()?.edit.canRedo) return;
  edit.peek()!.edit.redo();
  showChange();
  changes.value++;
}

/** Marks an axial slice as right as it is, or takes that back. */
export function callRight(z: number, isRight: boolean): void {
  const { right } = editShown() ?? {};
  if (isRight) right?.add(z);
  else right?.delete(z);
  changes.value++;
}

/** Makes the mask what the algorithm gave, what the expert drew, or empty; as one change. */
export function startFrom(source: "algorithm" | "expert" | "empty"): void {
  const own = editShown();
  if (!own) return;
  const drawn = expert.peek();
  if (source === "algorithm") own.replace(own.given);
  else if (source === "empty") own.replace(new Uint8Array(own.data.length));
  else if (drawn && drawn.data.length === own.data.length) own.replace(inOwnLabels(drawn));
  else {
    say("the expert's mask is of another image");
    return;
  }
  showChange();
  changes.value++;
}

/** The expert's labels as those of the mask: where both have one structure it is the same, else new ones come with. */
function inOwnLabels({ data, labels: theirs }: OpenedMask): Uint8Array {
  const shown = mask.peek()!;
  const [own] = shown.labels;
  if (own && shown.labels.length === 1 && theirs.length === 1) return data.map((v) => (v > 0 ? own.value : 0));
  const added = theirs.filter(({ value }) => !shown.labels.some((l) => l.value === value));
  mask.value = { ...shown, labels: [...shown.labels, ...added] };
  return data;
}
