import { differences } from "../differences/all.ts";
import type { Difference } from "../differences/difference.ts";
import { isObject } from "../harness/host/json.ts";
import type { PeerRelease } from "../harness/plugins/peers.ts";
import type { Row } from "../report/row.ts";
import type { Observation } from "../scenario/world.ts";

/** What two implementations did differently in one scenario. */
type Found = {
  id: string;
  /** `outcome` (one fails the scenario), or what differs in an observation: `result`, `error code`, `links`, … */
  aspect: string;
  text: string;
};

export type Comparison = {
  listed: Map<Difference, Found[]>;
  unlisted: Found[];
  /** Differences that are listed, could have shown and did not; none when only some scenarios were chosen. */
  stale: Difference[];
};

/**
 * Compares the same scenarios of two implementations with the list of what is meant to differ from `peer`, or from
 * any release of the Go plugins where that is undefined. An entry is for many scenarios, and need not show in each: that
 * it is stale can be told when `areAll` were to be run only.
 */
export function compareImplementations(
  rows: readonly Row[],
  others: readonly Row[],
  { areAll, peer }: { areAll: boolean; peer?: PeerRelease | undefined },
  all: readonly Difference[] = differences,
): Comparison {
  const meant = all.filter(({ only }) => only === undefined || peer === undefined || only === peer);
  const otherById = new Map(others.map((row) => [row.id, row]));
  const found = rows.flatMap((row) => {
    const other = otherById.get(row.id);
    return other === undefined ? [] : rowDifferences(row, other);
  });
  const listed = new Map<Difference, Found[]>(meant.map((entry) => [entry, []]));
  const unlisted = found.filter((one) => {
    const entries = meant.filter((entry) => covers(entry, one));
    for (const entry of entries) listed.get(entry)?.push(one);
    return entries.length === 0;
  });
  const ran = rows.filter(({ status }) => status !== "not supported");
  const stale = meant.filter(
    (entry) =>
      areAll &&
      entry.sometimes !== true &&
      listed.get(entry)?.length === 0 &&
      ran.some(({ id }) => entry.scenarios.test(id)),
  );
  return { listed, unlisted, stale };
}

/** The comparison for people: what is meant with its reasons, then what is not. */
export function comparisonText({ listed, unlisted, stale }: Comparison): string {
  const meant = [...listed]
    .filter(([, found]) => found.length > 0)
    .map(([{ reason, source }, found]) => {
      const [first] = found;
      return `· ${found.length} × ${first?.aspect} (${first?.id}): ${reason} [${source}]`;
    });
  const parts = [`Meant to differ: ${meant.length}`, ...meant];
  if (unlisted.length > 0) {
    parts.push("", `Different, and not listed in conformance/differences: ${unlisted.length}`);
    parts.push(
      ...unlisted.map(({ id, aspect, text }) => `! ${id}: ${aspect}\n    ${text.replaceAll("\n", "\n    ")}`),
    );
  }
  if (stale.length > 0) {
    parts.push("", "Listed, but not different any more:");
    parts.push(...stale.map(({ scenarios, reason }) => `? ${scenarios}: ${reason}`));
  }
  return parts.join("\n");
}

function covers({ scenarios, aspects, text }: Difference, found: Found): boolean {
  return (
    scenarios.test(found.id) && aspects.test(found.aspect) && (text === undefined || text.test(found.text))
  );
}

function rowDifferences(row: Row, other: Row): Found[] {
  const { id } = row;
  const reasons = other.outcome?.reasons ?? [];
  if (row.status === "pass" && reasons.length > 0) {
    return reasons.map((reason) => ({ id, aspect: "outcome", text: `pass; the other: fail (${reason})` }));
  }
  if (row.status !== other.status) {
    const text = `${row.status}${says(row)}; the other: ${other.status}${says(other)}`;
    return [{ id, aspect: other.status === "not supported" ? "support" : "outcome", text }];
  }
  const ours = named(row.outcome?.observations ?? []);
  const theirs = named(other.outcome?.observations ?? []);
  return [...ours].flatMap(([what, one]) => {
    const another = theirs.get(what);
    return another === undefined ? [] : observationDifferences(id, what, one, another);
  });
}

function named(observations: readonly Observation[]): Map<string, Observation> {
  return new Map(observations.map((observation) => [observation.what, observation]));
}

function observationDifferences(id: string, what: string, one: Observation, other: Observation): Found[] {
  const found: Found[] = [];
  const compare = (aspect: string, ours: unknown, theirs: unknown) => {
    const [left, right] = [comparable(ours), comparable(theirs)];
    if (left !== right) found.push({ id, aspect, text: `${what}: ${left}\nthe other: ${right}` });
  };
  compare("success", one.outcome, other.outcome);
  compare("result", one.result, other.result);
  compare("error code", one.code, other.code);
  compare("error text", one.msg, other.msg);
  const lines = linesBySection(normalised(one.state ?? []));
  const otherLines = linesBySection(normalised(other.state ?? []));
  for (const section of new Set([...lines.keys(), ...otherLines.keys()])) {
    const ours = lines.get(section) ?? [];
    const theirs = otherLines.get(section) ?? [];
    const text = [
      ...ours.filter((line) => !theirs.includes(line)).map((line) => `ours only: ${line}`),
      ...theirs.filter((line) => !ours.includes(line)).map((line) => `the other's only: ${line}`),
    ];
    if (text.length > 0) found.push({ id, aspect: section, text: `${what}:\n${text.join("\n")}` });
  }
  return found;
}

function linesBySection(lines: readonly string[]): Map<string, string[]> {
  return Map.groupBy(lines, (line) => line.slice(0, line.indexOf(":")));
}

/** A value without what every run chooses anew: names of veth devices, hardware addresses, the version of errors. */
function comparable(value: unknown): string {
  return normalised([JSON.stringify(sorted(value)) ?? "nothing"])[0] ?? "";
}

function normalised(lines: readonly string[]): string[] {
  return lines
    .map((line) =>
      line
        .replace(/veth[0-9a-f]{8}/g, "vethX")
        .replace(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, "MAC")
        .replace(/\bfe80:[0-9a-f:]+/g, "fe80::X")
        // Ports that clients got from the kernel (net.ipv4.ip_local_port_range), in tracked connections.
        .replace(/\b([sd]port)=(3[2-9]\d{3}|[4-6]\d{4})\b/g, "$1=X"),
    )
    .sort();
}

/** Objects with their keys in order, and without what is empty: `dns: {}` says as much as no `dns`. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value)
    .map(([key, part]): [string, unknown] => [key, sorted(part)])
    .filter(([, part]) => !(isObject(part) && Object.keys(part).length === 0));
  return Object.fromEntries(entries.sort(([one], [other]) => one.localeCompare(other)));
}

function says({ reason }: Row): string {
  return reason === undefined ? "" : ` (${reason})`;
}
