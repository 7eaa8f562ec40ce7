import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { withUndo } from "../../../shared/cni/undo-stack.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import type { FirewallAttachment } from "../attachment.ts";
import { requireGatewaysReached } from "../bridge-netfilter.ts";
import type { Clients } from "../clients.ts";
import type { FirewallConfig } from "../config.ts";
import { Bindings } from "../firewalld/bindings.ts";
import { releaseAddresses } from "../iptables/release.ts";
import { bridgeOf } from "../isolation.ts";
import { readAddressRecord, recordDirectory } from "../records/records.ts";
import { requireNoVlans } from "../vlan-gateways.ts";
import { differenceFromTables } from "./difference.ts";
import { findForwardDrop } from "./forward-drop.ts";
import { addToRuleset, removeFromRuleset, requireUsableNftables } from "./ruleset.ts";

/** The backend with tables of our own in nf_tables. */
export function nftablesFirewall(config: FirewallConfig, clients: Clients) {
  return {
    add: (attachment: FirewallAttachment): void => {
      addToRuleset(attachment);
      withUndo((undo) => {
        undo.push(() => {
          removeFromRuleset(attachment.key);
        });
        releaseRecorded(config, clients, attachment);
      });
    },
    check: checkTables,
    status: requireWorkingNftables,
  };
}

/** Removes what an earlier ADD with another backend made for these addresses, which are this attachment's now. */
function releaseRecorded(
  { dataDir }: FirewallConfig,
  { iptables, firewalld }: Clients,
  { addresses }: FirewallAttachment,
): void {
  const directory = recordDirectory(dataDir);
  const recorded = addresses.filter((address) => readAddressRecord(directory, address) !== undefined);
  if (recorded.length === 0) return;
  releaseAddresses({ iptables, directory, bindings: new Bindings(firewalld) }, recorded, () => true);
}

/** Compares the tables with those that ADD makes, and looks for another table that drops the container's packets. */
function checkTables(attachment: FirewallAttachment): void {
  const { addresses, isolation, result } = attachment;
  if (addresses.length === 0) return;
  requireUsableNftables();
  const nftables = openNftables();
  const difference = differenceFromTables(nftables, attachment);
  if (difference !== undefined) {
    throw new CniError(
      ErrorCode.checkMismatch,
      difference,
      'see "nft list ruleset"; after a flush "firewall reapply" makes it again',
    );
  }
  const used = [...new Set(addresses.map(({ family }) => family))];
  const drop = findForwardDrop(nftables, used, bridgeOf(result));
  if (drop !== undefined) throw new CniError(ErrorCode.checkMismatch, drop, adviceOnDrop);
  if (isolation === undefined) return;
  for (const family of used) requireGatewaysReached(family, isolation);
  requireNoVlans(isolation.bridge, result);
}

function requireWorkingNftables(): void {
  requireUsableNftables();
  const drop = findForwardDrop(openNftables(), [4]);
  if (drop !== undefined) throw new CniError(ErrorCode.pluginNotAvailable, drop, adviceOnDrop);
}

const adviceOnDrop =
  'an accept in the table of this plugin does not help against a drop in another one: accept the containers there, or use "backend": "iptables" where the chain is iptables\' FORWARD, "firewalld" where it is firewalld\'s';
