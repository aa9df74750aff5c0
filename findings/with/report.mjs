// Prints each [what, seen, expected], lists of numbers or text, and exits: 0 where all are as expected.
export function report(rows) {
  let holds = true;
  for (const [what, seen, expected] of rows) {
    const same = String(seen) === String(expected);
    console.log(`${same ? "as said" : "CHANGED"}  ${what}: ${seen}`);
    holds &&= same;
  }
  process.exit(holds ? 0 : 1);
}
