import type { IpFamily } from "../../../shared/ip/address.ts";
import type { ListedChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { describeTable, type TableName } from "../../../shared/nftables/command.ts";
import { follow } from "./foreign-chain.ts";
import type { Packet } from "./packet.ts";
import { firewallTable } from "./table.ts";

/**
 * The first chain of another table that drops all packets from containers to the outside, with the reason, for people;
 * undefined when there is none. An accept in our table does not help against such a chain. A chain that might accept some
 * packets is not reported. Throws SystemError.
 *
 * @param iifname the containers' bridge, if it is known.
 */
export function findForwardDrop(
  nftables: Nftables,
  families: readonly IpFamily[],
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

function isSeen({ family }: TableName, packet: IpFamily): boolean {
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

/** True for interfaces that Docker and libvirt create for networks of their own. */
function isOthers(name: string): boolean {
  return /^(lo|docker0|docker_gwbridge|br-[0-9a-f]{12}|virbr\d+)$/.test(name);
}
