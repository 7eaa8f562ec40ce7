import type { Outcome } from "../scenario/run-scenario.ts";
import type { Need } from "../scenario/scenario.ts";

/** What a scenario can lack: something of the machine, or the plugin itself. */
type Missing = Need | "executable";

/** One scenario in one version, with what came of it. */
export type Row = {
  /** `SUITE/NAME@VERSION`. */
  id: string;
  suite: string;
  name: string;
  plugin: string;
  version: string;
  source: string;
  status: "pass" | "fail" | "not supported";
  /** Why it failed or is not supported. */
  reason?: string;
  /** What is not there for it; nothing when it is the plugin that does not support the version. */
  missing?: readonly Missing[];
  outcome?: Outcome;
};

/** How many rows have each status. */
export function counts(rows: readonly Row[]): { passed: number; failed: number; unsupported: number } {
  const of = (status: Row["status"]) => rows.filter((row) => row.status === status).length;
  return { passed: of("pass"), failed: of("fail"), unsupported: of("not supported") };
}
