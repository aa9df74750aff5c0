// The dataset.json that comes with nnU-Net's and the Medical Segmentation Decathlon's folders: which of them it is, and
// what its labels are called.
import { DataError, printable } from "../../data/errors.ts";

export interface DatasetJson {
  /** As users know the form. */
  readonly form: "nnU-Net v2" | "Medical Decathlon or nnU-Net v1";
  /** Names of the labels but the background. */
  readonly labels: ReadonlyMap<number, string>;
}

/** The file's text as what it tells. Throws DataError where it is no JSON of that kind. */
export function parseDatasetJson(text: string, path: string): DatasetJson {
  const fail = (field: string, problem: string, mend: string, cause?: unknown): never => {
    throw new DataError(path, field, problem, mend, { cause });
  };
  let told: { channel_names?: unknown; modality?: unknown; labels?: unknown } = {};
  try {
    told = JSON.parse(text);
  } catch (cause) {
    const comma = /,\s*[}\]]/.exec(text);
    const line = comma
      ? `line ${text.slice(0, comma.index).split("\n").length}: a comma before a bracket`
      : "is no JSON";
    fail("file", line, "mend it, or take the file away", cause);
  }
  const isV2 = told.channel_names !== undefined;
  if (!isV2 && told.modality === undefined)
    fail("modality", "neither it nor channel_names is there", "take it from nnU-Net's or the Decathlon's description");
  const { labels } = told;
  if (typeof labels !== "object" || labels === null)
    return fail("labels", "is missing", 'write them, such as { "background": 0, "tumour": 1 }');
  const named = new Map<number, string>();
  for (const [key, value] of Object.entries(labels)) {
    // v2 names numbers (a region several), the older form numbers names.
    const [name, numbers] = isV2 ? [key, [value].flat()] : [String(value), [Number(key)]];
    if (!numbers.every((n) => Number.isInteger(n) && n >= 0 && n <= 65535))
      fail(
        "labels",
        `${printable(key, 40)}: ${printable(JSON.stringify(value), 40)} is no label`,
        "give whole numbers",
      );
    if (numbers.length === 1 && numbers[0] !== 0) named.set(numbers[0] as number, name);
  }
  return { form: isV2 ? "nnU-Net v2" : "Medical Decathlon or nnU-Net v1", labels: named };
}

/** "1 liver, 2 tumour", for the user. */
export const labelNames = ({ labels }: DatasetJson): string =>
  [...labels]
    .slice(0, 12)
    .map(([n, name]) => `${n} ${printable(name, 30)}`)
    .join(", ");
