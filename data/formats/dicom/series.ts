// The one series of images among DICOM files.
import { DataError, printable } from "../../errors.ts";
import type { ImageFile } from "../format.ts";
import { type DicomFile, parseDicom } from "./parse.ts";
import { type Plane, otherObjectOf, planesOf } from "./planes.ts";
import { regrouped } from "./regroup.ts";
import { type Stack, stackOf } from "./stack.ts";

/** Files of one series: by the UID that they share, where that can be true. */
export interface Series {
  readonly uid: string;
  readonly planes: readonly Plane[];
}

/** What DICOM files hold. */
export interface Sorted {
  readonly series: readonly Series[];
  /** Files without an image: contours, segmentations, plans, reports. */
  readonly others: readonly { readonly file: DicomFile; readonly source: ImageFile; readonly what: string }[];
}

/** The attributes of a file up to its pixels, from its beginning where that reaches so far. Throws DataError. */
export async function parseHead(source: ImageFile): Promise<DicomFile> {
  try {
    const file = parseDicom(await source.beginning(), source.name, { fileBytes: await source.size?.() });
    // Nothing else tells that attributes are whole: a sequence that is cut between two items is read without an error.
    if (file.tags.has("PixelData")) return file;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
  }
  const bytes = await source.bytes();
  return parseDicom(bytes, source.name, { fileBytes: bytes.length });
}

/** Files by series, in the order in which they are given. Throws DataError at the first that can't be read. */
async function sortFiles(sources: readonly ImageFile[]): Promise<Sorted> {
  const planes = new Map<string, Plane[]>();
  const others: Sorted["others"][number][] = [];
  for (const source of sources) {
    const file = await parseHead(source);
    const what = otherObjectOf(file);
    if (what !== undefined) {
      others.push({ file, source, what });
      continue;
    }
    const found = planesOf(file, source);
    const { seriesUid } = found[0]!.instance;
    const series = planes.get(seriesUid);
    if (series) series.push(...found);
    else planes.set(seriesUid, found);
  }
  return { series: regrouped([...planes].map(([uid, all]) => ({ uid, planes: all }))), others };
}

/** The only series of images among files; files without an image are passed over. Throws DataError. */
export async function openSeries(
  sources: readonly ImageFile[],
  name: string,
): Promise<{ readonly stack: Stack; readonly series: Series }> {
  const { series: all, others } = await sortFiles(sources);
  // Scouts are none of the images that they come with.
  const images = all.filter(({ planes }) => !planes.every(({ instance }) => instance.isLocalizer));
  const series = images.length > 0 ? images : all;
  const [only, second] = series;
  if (!only) {
    const found = others.map(({ what }) => what);
    const problem = found.length > 0 ? `holds ${[...new Set(found)].join(", ")}, no image` : "holds no image";
    throw new DataError(name, "Modality (0008,0060)", problem, "give the series of images");
  }
  if (second) throw severalSeries(series, name);
  return { stack: stackOf(only.planes, name), series: only };
}

function severalSeries(series: readonly Series[], name: string): DataError {
  const shown = series.slice(0, 4).map(describeSeries).join("; ");
  const problem = `holds ${series.length} series: ${shown}${series.length > 4 ? "; …" : ""}`;
  return new DataError(
    name,
    "SeriesInstanceUID (0020,000e)",
    problem,
    "give a folder with one, or use `cmedl import FOLDER`",
  );
}

/** "CT "thorax" of 60 slices (IM1)", for the user. */
function describeSeries({ planes }: Series): string {
  const { instance, source } = planes[0]!;
  const named = instance.series === "" ? "" : ` "${printable(instance.series, 40)}"`;
  const count = planes.length === 1 ? "1 slice" : `${planes.length} slices`;
  return `${printable(instance.modality, 16) || "unknown modality"}${named} of ${count} (${printable(source.name, 80)})`;
}
