// What a run's labels are called by the folders that its masks are in.
import { DataError, printable } from "../../data/errors.ts";
import type { TrainConfig } from "../config/config.ts";
import type { CaseSource } from "./case-source.ts";

export type Named = Pick<CaseSource, "name" | "labels">;

/** What the structures are called: as the configuration says, else as the student's folder does, if it names all. */
export function namesOf(
  { names, labels }: TrainConfig["data"],
  { labels: told }: Pick<CaseSource, "labels">,
): TrainConfig["data"]["names"] {
  const found = names ?? labels?.map((label) => told?.get(label));
  return found?.every((name) => name !== undefined) ? found : null;
}

/**
 * Throws DataError where a label that is wanted is one structure in the student's folder and another in the teacher's:
 * each folder numbers its own structures. Capitals and the Unicode form of a name don't matter.
 */
export function refuseOtherNames(wanted: TrainConfig["data"]["labels"], student: Named, teacher: Named): void {
  for (const label of wanted ?? []) {
    const [own, other] = [student.labels?.get(label), teacher.labels?.get(label)];
    if (own === undefined || other === undefined || plain(own) === plain(other)) continue;
    const problem = `${label} is ${printable(other, 60)}, and ${printable(own, 60)} in ${printable(student.name)}`;
    const mend = "give both folders the same structures, or number them alike by `cmedl import --structure`";
    throw new DataError(teacher.name, "labels", problem, mend);
  }
}

const plain = (name: string): string => name.normalize("NFC").toLowerCase();
