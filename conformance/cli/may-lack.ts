import type { Row } from "../report/row.ts";
import type { Need } from "../scenario/scenario.ts";

/**
 * What was not tried though it should have been: what lacks something else than what the machine may lack. Otherwise a
 * machine that loses a tool would skip its scenarios for ever without anybody noticing.
 */
export function wronglyUntried(rows: readonly Row[], mayLack: readonly Need[]): Row[] {
  const allowed: readonly string[] = mayLack;
  return rows.filter(({ missing = [] }) => missing.some((one) => !allowed.includes(one)));
}

/** The same for people. */
export function untriedText(rows: readonly Row[]): string {
  const lines = rows.map(({ id, reason }) => `✗ ${id}: ${reason}`);
  return [`Not tried, for other reasons than those of --may-lack: ${rows.length}`, ...lines].join("\n");
}
