// What the headers of a set's files on disk tell.
import { type CaseSurvey, surveyCases as survey } from "../../data/layouts/survey.ts";
import { diskCases } from "./load.ts";

export type { CaseSurvey };

/** As surveyCases of files on disk. Throws DataError at the first that is wrong, FileError where one can't be read. */
export const surveyCases = (cases: Parameters<typeof survey>[0]): Promise<CaseSurvey[]> =>
  survey(cases, diskCases.files);
