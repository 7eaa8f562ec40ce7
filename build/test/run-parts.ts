import type { Part } from "./parts.ts";

/**
 * Begins each part as soon as those that it needs have ended well, and gives what came of each, in the parts' order. A
 * part must come after those that it needs.
 *
 * @param run resolves also when the part fails.
 * @param leaveOut what comes of a part that is not begun, since one that it needs failed.
 */
export async function runParts<Outcome extends { readonly status: number | undefined }>(
  parts: readonly Part[],
  run: (part: Part) => Promise<Outcome>,
  leaveOut: (part: Part) => Outcome,
): Promise<Outcome[]> {
  const outcomes = new Map<string, Promise<Outcome>>();
  const begin = async (part: Part): Promise<Outcome> => {
    const needed = await Promise.all(part.needs.map((name) => outcomeOf(name)));
    return needed.every(({ status }) => status === 0) ? run(part) : leaveOut(part);
  };
  const outcomeOf = (name: string): Promise<Outcome> => {
    const outcome = outcomes.get(name);
    if (outcome === undefined) throw new Error(`there is no part ${name} before those that need it`);
    return outcome;
  };
  for (const part of parts) outcomes.set(part.name, begin(part));
  return Promise.all(outcomes.values());
}
