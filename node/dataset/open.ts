// Images on disk: a file, or a folder whose files are the slices of one.
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, sep } from "node:path";
import { DataError, printable } from "../../data/errors.ts";
import {
  type ImageFile,
  type ImageHeader,
  type StructureSet,
  beginningBytes,
  openStructures,
  readFolder,
  readFolderHeader,
  readImage,
  readImageHeader,
} from "../../data/formats/index.ts";
import { seriesOf } from "../../data/formats/dicom-out.ts";
import { openSliceMasks } from "../../data/formats/dicom-survey.ts";
import { looksLikeDicom as isDicom } from "../../data/formats/dicom/syntax.ts";
import type { Volume } from "../../data/volume.ts";
import { type FileError, exists, fileError, pathInside, readBytes } from "../files.ts";
import { listing, noteRead } from "../reads.ts";
import { provideNodeCodecs } from "./dicom-codecs.ts";
import { groundsAmong, isGround, likeliestGround } from "./ground.ts";

provideNodeCodecs();

/** More files than this are no image's slices. */
const MOST_FILES = 20_000;

/** A file on disk as formats read it. Throws FileError once it is read and can't be. */
export function diskFile(path: string): ImageFile {
  return {
    name: path,
    beginning: () => readBytes(path, beginningBytes),
    bytes: () => readBytes(path),
    size: () => sizeOf(path),
    beside: async (name) => {
      const other = pathInside(dirname(path), name);
      return (await exists(other)) ? readBytes(other) : undefined;
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

export interface WalkOptions {
  /** How many files there may be. */
  readonly most?: number;
  /** Told of folders within that can't be read, which are passed over; without it they are thrown. */
  readonly onFault?: (fault: FileError) => void;
}

/**
 * All files below a folder, sorted, but hidden ones. A link to a folder elsewhere is followed, once; what a link leads
 * to nowhere is a file that can't be read. Throws FileError, and DataError where they are more than `most`.
 */
export async function filesBelow(folder: string, { most = Infinity, onFault }: WalkOptions = {}): Promise<string[]> {
  const found: string[] = [];
  const folders = [folder];
  const followed = new Set<string>();
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
      const fault = fileError(path!, cause);
      if (!onFault || path === folder) throw fault;
      onFault(fault);
      return [];
    });
    for (const entry of entries) {
      if (entry.name.startsWith(".")) continue;
      const inside = join(path, entry.name);
      if (entry.isDirectory()) folders.push(inside);
      else if (entry.isFile()) found.push(inside);
      else if (entry.isSymbolicLink()) {
        const target = await linkedFolder(inside);
        if (target === undefined) found.push(inside);
        else if (!followed.has(target) && !isWithin(await realpath(folder), target)) {
          followed.add(target);
          folders.push(inside);
        }
      }
    }
    if (found.length > most)
      throw new DataError(folder, "folder", `holds more than ${most} files`, "name the folder of one series");
  }
  found.sort();
  noteRead("listing", folder, listing(folder, found));
  return found;
}

/** Where a link to a folder leads; undefined of other links. */
async function linkedFolder(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ? realpath(path) : undefined;
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way.split(sep)[0] !== ".." && !isAbsolute(way);
}

/** Whether a path is a folder. Throws FileError where nothing is there. */
export async function isFolderThere(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: unknown) => {
    throw fileError(path, cause);
  });
  return found.isDirectory();
}

/** Whether a file, which is no folder, lists the others of a medium (DICOMDIR), by its name. */
export const isDirectoryFile = (path: string): boolean => /^dicomdir\b/i.test(basename(path));

/** The files of an image that is a folder, or that a DICOMDIR lists; undefined where `path` is a plain file. */
async function slicesAt(path: string): Promise<ImageFile[] | undefined> {
  if (await isFolderThere(path)) {
    const files = await filesBelow(path, { most: MOST_FILES });
    // Masks beside an image's slices are none of them.
    const isSlice = (file: string): boolean => !isDirectoryFile(file) && (isGround(path) || !isGround(dirname(file)));
    return files.filter(isSlice).map(diskFile);
  }
  if (!isDirectoryFile(path)) return undefined;
  return (await filesOfDirectory(path)).map(diskFile);
}

/** The files that a DICOMDIR lists. Throws DataError where it is none, or one of them is not there. */
export async function filesOfDirectory(path: string): Promise<string[]> {
  const { referencedFiles } = await import("../../data/formats/dicom/directory.ts");
  const named = await referencedFiles(await readBytes(path), path);
  const files = named.map((name) => pathInside(dirname(path), name));
  for (const file of files)
    if (!(await exists(file)))
      throw new DataError(path, "ReferencedFileID (0004,1500)", `${printable(file)} is not there`, "copy all files");
  return files;
}

/** The voxels of a file, or of a folder of slices, in stored order: an image's or a mask's. Throws DataError. */
export async function readVoxels(path: string): Promise<Volume> {
  const slices = await slicesAt(path);
  return slices ? readFolder(slices, path) : readImage(diskFile(path));
}

/** What an image's header tells, as its file or the files of its slices begin. Throws DataError or FileError. */
export async function readHeader(path: string): Promise<ImageHeader> {
  const slices = await slicesAt(path);
  return slices ? readFolderHeader(slices, path) : readImageHeader(diskFile(path));
}

/** The DICOM series of an image on disk, which masks refer to. Throws DataError where it is no DICOM. */
export async function readSeries(path: string): ReturnType<typeof seriesOf> {
  return seriesOf(await dicomAmong((await slicesAt(path)) ?? [diskFile(path)], path), path);
}

async function dicomAmong(files: readonly ImageFile[], path: string): Promise<ImageFile[]> {
  const found: ImageFile[] = [];
  for (const file of files) if (isDicom(await file.beginning())) found.push(file);
  if (found.length > 0) return found;
  throw new DataError(path, "file", "is no DICOM", "give a DICOM series, or write the mask as NIfTI");
}

/**
 * The structures of a file of contours or segments, or of a folder of masks as slices beside their image; undefined of
 * others. Throws DataError.
 */
export async function readStructureSet(path: string): Promise<StructureSet | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return openStructures(diskFile(path));
  if (!isGround(path)) return undefined;
  const around = await filesBelow(dirname(path), { most: MOST_FILES });
  const ground = likeliestGround(
    groundsAmong(around).filter(({ folder }) => folder === path),
    diskFile,
  );
  if (!ground) return undefined;
  return openSliceMasks(ground.masks.map(diskFile), ground.images.map(diskFile), path);
}
