import type { Outcome } from "../scenario/run-scenario.ts";

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
  outcome?: Outcome;
};

/** How many rows have each status. */
export function counts(rows: readonly Row[]): { passed: number; failed: number; unsupported: number } {
  const of = (status: Row["status"]) => rows.filter((row) => row.status === status).length;
  return { passed: of("pass"), failed: of("fail"), unsupported: of("not supported") };
}
