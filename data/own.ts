// Tables that are asked by words out of files.

/** What a table has under a name, where it has it itself: every object inherits a "constructor". */
export const ownOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;
