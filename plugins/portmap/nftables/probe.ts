import { errorText } from "../../../shared/errors/failure.ts";
import { isErrno } from "../../../shared/errors/system-error.ts";
import { type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, type TableState } from "../../../shared/nftables/table-definition.ts";
import type { PortmapConfig } from "../config.ts";
import { tableDefinition, tableOf } from "./table.ts";

const nothing: TableState = { exists: false, sets: new Set(), chains: new Set(), rules: [] };

/**
 * Asserts that the kernel would take our table. It is asked to make the table under another name and then to do something
 * impossible in the same batch, so that it checks everything and keeps nothing.
 *
 * @throws NftablesRefusal naming the part that the kernel lacks.
 */
export function probe(config: PortmapConfig): void {
  const nftables = openNftables();
  const impossible = deleteTable({ family: "ip", name: "cni_portmap_none" });
  try {
    if (nftables.getTable(tableOf(4)) !== undefined) return;
    const table = { family: "ip", name: "cni_portmap_probe" } as const;
    const definition = { ...tableDefinition(config, anyContainer()), table };
    nftables.apply([...completeTable(definition, nothing), impossible]);
  } catch (error) {
    // ENOENT is also the answer for parts that the kernel lacks.
    const isExpected = isErrno(error, "ENOENT") && errorText(error).startsWith(impossible.operation);
    if (!isExpected) throw error;
  }
}

function anyContainer(): IpPrefix {
  return parsePrefix("10.0.0.2/24") ?? { address: { family: 4, value: 0n }, prefixLength: 0 };
}
