// What happens, as it happens, for programs: a JSON object a line on stdout.
export const writeJsonLine = (record: object): void => void process.stdout.write(`${JSON.stringify(record)}\n`);
