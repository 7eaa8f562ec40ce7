import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { type ChainName, deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";

/** The table in which the Go plugin has a jump and two chains for each port. Their names hold no network. */
export const goCheckTable = { family: "bridge", name: "nat" } as const;

/** True when the Go plugin's rules check the source MAC of an attachment. Throws SystemError. */
export function hasGoCheck(nftables: Nftables, key: AttachmentKey): boolean {
  return jumps(nftables, key).length > 0;
}

/** The commands that remove the Go plugin's check of an attachment. Throws SystemError. */
export function goCheckCommands(nftables: Nftables, key: AttachmentKey): Command[] {
  const { containerId, ifname } = key;
  const portChain: ChainName = { table: goCheckTable, name: `cni-br-iface-${containerId}-${ifname}` };
  const macChain: ChainName = { table: goCheckTable, name: `${portChain.name}-mac` };
  const jumpCommands = jumps(nftables, key).map(deleteRule);
  const chains = [portChain, macChain].filter((chain) => nftables.getChain(chain) !== undefined);
  // Both are emptied first: one leads to the other.
  return [...jumpCommands, ...chains.map(flushChain), ...chains.map(deleteChain)];
}

function jumps(nftables: Nftables, { containerId, ifname }: AttachmentKey): ListedRule[] {
  const comment = `macspoofchk-${containerId}-${ifname}`;
  return nftables.findRules(goCheckTable, "PREROUTING", comment).filter((rule) => rule.comment === comment);
}
