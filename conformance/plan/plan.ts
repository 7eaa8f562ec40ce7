import type { Row } from "../report/row.ts";
import type { Scenario, Suite } from "../scenario/scenario.ts";
import { versionList } from "../scenario/versions.ts";
import type { Abilities } from "./abilities.ts";

/** One scenario in one version, to be run. */
export type Task = { row: Omit<Row, "status">; scenario: Scenario };

/** Why a task is not tried, as its row says it. */
type Obstacle = { reason: string } & Pick<Row, "missing">;

/** Every scenario in each of its versions, in the suites' order. Throws when two have the same ID. */
export function allTasks(suites: readonly Suite[]): Task[] {
  const tasks = suites.flatMap(({ name: suite, scenarios }) =>
    scenarios.flatMap((scenario) =>
      versionList(scenario.versions).map((version) => {
        const { name, plugin, source } = scenario;
        return { row: { id: `${suite}/${name}@${version}`, suite, name, plugin, version, source }, scenario };
      }),
    ),
  );
  const ids = new Set<string>();
  for (const { row } of tasks) {
    if (ids.has(row.id)) throw new Error(`two scenarios are called ${row.id}`);
    ids.add(row.id);
  }
  return tasks;
}

/** The tasks that a command line asks for. */
export function wantedTasks(tasks: readonly Task[], filters: readonly string[]): Task[] {
  return tasks.filter(({ row }) => isWanted(row.id, filters));
}

/** Why a task cannot be tried with some executables on this machine; undefined when it can. */
export function whyNot({ row, scenario }: Task, { plugins, lacks }: Abilities): Obstacle | undefined {
  const known = plugins.get(row.plugin);
  if (known === undefined) return { reason: `there is no executable ${row.plugin}`, missing: ["executable"] };
  if (known.length > 0 && !known.includes(row.version))
    return { reason: `${row.plugin} does not support version ${row.version}, as its VERSION says` };
  const missing = (scenario.needs ?? []).filter((need) => lacks.has(need));
  if (missing.length === 0) return undefined;
  return { reason: missing.map((need) => lacks.get(need)).join("; "), missing };
}

/** Whether an ID has one of the filters in it, or there is none. */
export function isWanted(id: string, filters: readonly string[]): boolean {
  return (
    filters.length === 0 ||
    filters.some((filter) => {
      const expression = /^\/(.*)\/$/.exec(filter)?.[1];
      return expression === undefined ? id.includes(filter) : new RegExp(expression).test(id);
    })
  );
}
