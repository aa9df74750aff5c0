// Which losses are looked at together.

/** By their names in the log: the first row whose pattern fits. */
const LOSSES: readonly (readonly [title: string, pattern: RegExp])[] = [
  ["adversarial: translators", /^adv/],
  ["adversarial: discriminators", /^lossD/],
  ["cycle", /^(cyc|ident|rec)/],
  ["contextual", /^cx/],
  ["hint and distillation", /^(hint|dist|mutual)/],
  ["segmentation", /^(dice|ce|seg)/],
  ["totals, weighted", /^loss/],
  ["others", /./],
];

export interface LossGroup {
  readonly title: string;
  readonly names: readonly string[];
}

/** Names of losses, each once, in groups for a chart each. */
export function groupLosses(names: readonly string[]): LossGroup[] {
  const titleOf = (name: string): string => LOSSES.find(([, pattern]) => pattern.test(name))![0];
  const all = [...new Set(names)];
  return LOSSES.map(([title]) => ({ title, names: all.filter((name) => titleOf(name) === title) })).filter(
    (group) => group.names.length > 0,
  );
}
