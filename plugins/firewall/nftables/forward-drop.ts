import type { ListedChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { describeTable, type TableName } from "../../../shared/nftables/command.ts";
import { follow } from "./foreign-chain.ts";
import type { Packet } from "./packet.ts";
import { firewallTable } from "./table.ts";

/**
 * Looks for a chain of another table that drops all that containers send to the outside: an accept in our table does
 * not help against it. Finds only what is certain; where a rule might accept, nothing is said.
 *
 * @param iifname the containers' bridge, if it is known.
 * @returns which chain and why, for people; undefined when there is none. Throws SystemError.
 */
export function findForwardDrop(
  nftables: Nftables,
  families: readonly (4 | 6)[],
  iifname?: string,
): string | undefined {
  for (const table of nftables.listTables()) {
    if (table.family === "bridge" || table.name === firewallTable.name) continue;
    for (const chain of nftables.listChains(table)) {
      if (chain.base?.hook !== "forward" || chain.base.type !== "filter") continue;
      for (const family of families.filter((one) => isSeen(table, one))) {
        const packet = { family, isOthers, ...(iifname !== undefined && { iifname }) };
        if (drops(nftables, chain, packet)) return describe(chain);
      }
    }
  }
  return undefined;
}

function isSeen({ family }: TableName, packet: 4 | 6): boolean {
  return family === "inet" || family === (packet === 4 ? "ip" : "ip6");
}

function drops(nftables: Nftables, { table, name, base }: ListedChain, packet: Packet): boolean {
  const course = follow(packet, name, {
    rulesOf: (chain) => nftables.listRules(table, chain),
    elementsOf: (set) => nftables.listElements({ table, name: set, key: ["mark"] }),
    courses: new Map(),
  });
  return course === "drops" || (course === "goes on" && base?.policy === "drop");
}

function describe({ table, name, base }: ListedChain): string {
  const why =
    base?.policy === "drop" ? "its policy is drop and no rule of it accepts them" : "its rules drop them";
  return `chain ${name} of table ${describeTable(table)} drops what containers send: ${why}`;
}

/** Interfaces that are no network's of ours: Docker and libvirt make these for their own. */
function isOthers(name: string): boolean {
  return /^(lo|docker0|docker_gwbridge|br-[0-9a-f]{12}|virbr\d+)$/.test(name);
}
