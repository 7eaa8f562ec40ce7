import assert from "node:assert/strict";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { asObject, isObject, parse } from "../../harness/host/json.ts";

/** Where a network's leases are; the folders as the test process reaches them. */
type LeaseFolders = { leases: string; index: string };

export function leaseFolders(dataDir: string, network: string): LeaseFolders {
  return { leases: `${dataDir}/${network}`, index: `${dataDir}/.host-local/${network}` };
}

/** Address and content of each lease. */
export function leaseContents({ leases }: LeaseFolders): Record<string, string> {
  const names = readdirSync(leases).filter(
    (name) => name !== "lock" && !name.startsWith("last_reserved_ip."),
  );
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(`${leases}/${name}`, "utf8")]));
}

/**
 * Asserts that our host-local's index (plugins/host-local/README.md) will be believed, and that it says exactly what
 * the lease files say.
 */
export function assertExactIndex(folders: LeaseFolders): void {
  const state = readState(folders);
  const { ino, mtimeNs, ctimeNs } = statSync(folders.leases, { bigint: true });
  const mark = { inode: `${ino}`, modified: `${mtimeNs}`, changed: `${ctimeNs}` };
  assert.deepEqual(state["mark"], mark, "the index is believed");

  const contents = Object.entries(leaseContents(folders));
  for (const set of Array.isArray(state["sets"]) ? state["sets"].filter(isObject) : []) {
    // Only the sets of one family hold the leases of that family.
    const isIpv6 = String(set["key"]).includes(":");
    const leases = contents.filter(([address]) => address.includes(":") === isIpv6);
    assert.equal(set["held"], leases.length, "the number of held addresses");
  }
  const owners = new Map<string, string[]>();
  for (const [address, content] of contents) {
    const owner = content.replace("\r\n", ":");
    owners.set(owner, [...(owners.get(owner) ?? []), address]);
  }
  const recorded = readdirSync(`${folders.index}/owners`).map((name) => {
    const [, ...words] = readlinkSync(`${folders.index}/owners/${name}`).split(" ");
    return [name, words.filter((_, index) => index % 2 === 0).sort()] as const;
  });
  assert.deepEqual(new Map(recorded), owners, "the records of owners");
}

function readState({ index }: LeaseFolders): Record<string, unknown> {
  const [line = ""] = readFileSync(`${index}/state`, "utf8").split("\n", 1);
  return asObject(parse(line.slice(line.indexOf(" ") + 1)));
}
