// A case as files, how a folder of cases is laid out, and what is looked at of a folder to tell.
import type { CmedlError } from "../../errors/cmedl-error.ts";

/** A patient's image on disk; its mask, if there is one, is not read. */
export interface CaseImage {
  readonly id: string;
  readonly patient: string;
  readonly imagePath: string;
}

/** One structure's mask in a file of its own, or one of several in a file. */
export interface Structure {
  /** The label that it has among those of the set, from 1. */
  readonly label: number;
  readonly name: string;
  readonly path: string;
  /** Its name among those of the file, where that holds several. */
  readonly within?: string;
}

/** A patient's image and its mask on disk. */
export interface Case extends CaseImage {
  /** The mask's file, or the folder of its structures. */
  readonly maskPath: string;
  /** Where each structure has a file of its own, or a name in one. */
  readonly structures?: readonly Structure[];
}

export interface Layout {
  readonly kind:
    | "suffix"
    | "prefix"
    | "words"
    | "bare"
    | "subfolders"
    | "nnunet"
    | "patients"
    | "structures"
    | "images";
  /** In words, for the user. */
  readonly description: string;
  /** Names of the masks' labels, where a file or the names of structures tell them. */
  readonly labels?: ReadonlyMap<number, string>;
}

/** A folder's cases, and the layout by which they were found. */
export interface Found<C extends CaseImage> {
  readonly layout: Layout;
  readonly cases: readonly C[];
}

/** Cases of folders of DICOM: an image alone, or with its structures, whose labels are given later. */
export interface DicomCases<C> {
  readonly cases: readonly C[];
  readonly faults: readonly CmedlError[];
}

/** What is looked at of a folder. */
export interface Listing {
  readonly folder: string;
  readonly subfolders: readonly string[];
  /** The names of the image files in a folder, sorted. */
  images(path: string): Promise<string[]>;
  /** The names of the files in a folder that are slices by their names, sorted. */
  slices(path: string): Promise<string[]>;
  /** The names of the folders in a folder, sorted; none where there is no such folder. */
  folders(path: string): Promise<string[]>;
  /** Of them, those that hold the slices of an image, by the names of their files. */
  stacks(path: string): Promise<string[]>;
  /** The text of a file; undefined where there is none. */
  text(path: string): Promise<string | undefined>;
  /**
   * The case of each subfolder of `folder` that holds a series of DICOM and one structure set on it, by opening files.
   */
  dicomCases(folder: string, subfolders: readonly string[]): Promise<DicomCases<Case>>;
  /** The image of each subfolder that holds DICOM. */
  dicomImages(folder: string, subfolders: readonly string[]): Promise<DicomCases<CaseImage>>;
}
