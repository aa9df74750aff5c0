// Pictures of results.
export { type EpochRow, type MontageOptions, type Tile, epochPicture, montage } from "./montage.ts";
export { type Colour, Picture, colours } from "./picture.ts";
export {
  type CaseValues,
  type Compared,
  type Method,
  type Metric,
  compareMethods,
  comparisonCsv,
  comparisonNotes,
  comparisonTables,
} from "./comparison.ts";
export { type Table, csv, tableMarkdown, tableText } from "./table.ts";
