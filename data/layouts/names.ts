// What a file's name says: which case it is of, and whether it is an image or a mask. Names are read without their
// format's suffix, and in Unicode's composed form: two systems may store one name in two forms.

/** Words for an image, the plainest first: a later row is only asked where an earlier one pairs nothing. */
const IMAGE_WORDS: readonly (readonly string[])[] = [
  ["image", "img", "imaging"],
  ["volume", "vol"],
  ["ct"],
  ["mr", "mri"],
];
const MASK_WORDS = ["gtv", "mask", "masks", "label", "labels", "seg", "segmentation", "gt"];

/** Names of folders of images, and of folders of masks; nnU-Net's own pair is imagesTr with labelsTr. */
export const IMAGE_FOLDERS = ["images", "image", "imgs", "img", "volumes", "volume", "ct", "mr", "mri"];
export const MASK_FOLDERS = ["labels", "label", "masks", "mask", "segmentations", "segmentation", "segs", "seg", "gt"];

/** A name without its word; undefined where it has none. "" where the word is all of it. */
type Strip = (name: string) => string | undefined;

const anyOf = (words: readonly string[]): string => `(?:${words.join("|")})`;
const bySuffix = (words: readonly string[]): Strip => matcher(new RegExp(`^(.+)[-_]${anyOf(words)}$`, "i"));
/** With a sign between, or with a number right behind: label_7, volume-7, img0007. */
const byPrefix = (words: readonly string[]): Strip => matcher(new RegExp(`^${anyOf(words)}(?:[-_](.+)|(\\d.*))$`, "i"));
const alone = (words: readonly string[]): Strip => matcher(new RegExp(`^${anyOf(words)}()$`, "i"));

function matcher(pattern: RegExp): Strip {
  return (name) => {
    const found = pattern.exec(name);
    return found ? (found[1] ?? found[2]) : undefined;
  };
}

const MASK = [alone(MASK_WORDS), bySuffix(MASK_WORDS), byPrefix(MASK_WORDS)] as const;
export const isMaskName = (name: string): boolean => MASK.some((strip) => strip(name) !== undefined);

const IMAGE = IMAGE_WORDS.flatMap((words) => [bySuffix(words), byPrefix(words)]);
const firstOf = (strips: readonly Strip[], name: string): string | undefined => {
  for (const strip of strips) {
    const id = strip(name);
    if (id !== undefined) return id;
  }
  return undefined;
};

/** The case of an image that stands in a folder of images: its name without a word for an image. */
export const withoutImageWord: (name: string) => string = (name) => firstOf(IMAGE, name) ?? name;
/** The case of a mask that stands in a folder of masks. */
export const withoutMaskWord: (name: string) => string = (name) => firstOf(MASK.slice(1), name) ?? name;

/**
 * Whether a folder is one of masks rather than a patient's, whose name may be any: it is called by the word alone, or
 * as the mask of another of `folders`.
 */
export function isMaskFolder(name: string, folders: readonly string[]): boolean {
  if (MASK_FOLDERS.includes(name.toLowerCase()) || MASK[0](name) !== undefined) return true;
  const imageId = firstOf(MASK.slice(1), name);
  return imageId !== undefined && folders.some((other) => other !== name && withoutImageWord(other) === imageId);
}

/** How images and masks in one folder are distinguished and paired: each gives a file's case, or undefined. */
export interface Convention {
  readonly kind: "suffix" | "prefix" | "bare" | "words";
  readonly description: string;
  readonly imageId: Strip;
  readonly maskId: Strip;
}

/** A mask of the bare convention may begin as an image does: ct_7_seg beside ct_7. */
const unlessMask =
  (strip: Strip): Strip =>
  (name) =>
    bySuffix(MASK_WORDS)(name) === undefined ? strip(name) : undefined;

const conventionsOf = (words: readonly string[]): readonly Convention[] => [
  {
    kind: "suffix",
    description: `<id>_${words[0]} and <id>_mask`,
    imageId: bySuffix(words),
    maskId: bySuffix(MASK_WORDS),
  },
  {
    kind: "prefix",
    description: `${words[0]}_<id> and label_<id>`,
    imageId: unlessMask(byPrefix(words)),
    maskId: byPrefix(MASK_WORDS),
  },
  { kind: "words", description: `${words[0]} and mask`, imageId: alone(words), maskId: alone(MASK_WORDS) },
];
const bare = (maskId: Strip, description: string): Convention => ({
  kind: "bare",
  description,
  imageId: (name) => (isMaskName(name) ? undefined : name),
  maskId,
});

/**
 * The conventions of files side by side, in groups: those of a later group are only asked where none of an earlier
 * one finds an image with its mask.
 */
export const CONVENTIONS: readonly (readonly Convention[])[] = [
  conventionsOf(IMAGE_WORDS[0]!),
  IMAGE_WORDS.slice(1).flatMap(conventionsOf),
  [bare(bySuffix(MASK_WORDS), "<id> and <id>_mask"), bare(byPrefix(MASK_WORDS), "<id> and label_<id>")],
];

/** A name as nnU-Net's channel of a case ("liver_7_0000"); undefined where it is none. */
export function channelOf(name: string): { id: string; channel: number } | undefined {
  const found = /^(.+)_(\d{4})$/.exec(name);
  return found ? { id: found[1]!, channel: Number(found[2]) } : undefined;
}
