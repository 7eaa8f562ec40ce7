import { type AttachmentKey, sameAttachment } from "../../../shared/cni/attachment-key.ts";
import { type UndoStack, withUndo } from "../../../shared/cni/undo-stack.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { requireIptables } from "../../../shared/iptables/client.ts";
import type { Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type FirewallAttachment, families, ofFamily } from "../attachment.ts";
import type { Clients } from "../clients.ts";
import type { FirewallConfig } from "../config.ts";
import { Bindings, type BindingZone, bindAddress } from "../firewalld/bindings.ts";
import { isolatePorts } from "../nftables/isolate-ports.ts";
import { removeFromRuleset } from "../nftables/ruleset.ts";
import { underRecordLock } from "../records/record-files.ts";
import {
  type AddressRecord,
  ensureRecordDirectory,
  listRecords,
  readAddressRecord,
  recordDirectory,
  removeAddressRecord,
  replaceAddressRecord,
  writeAddressRecord,
} from "../records/records.ts";
import { hasUnrecorded } from "./isolation-users.ts";
import { planRules, type WantedRules } from "./plan.ts";
import { removeLeftovers } from "./release.ts";
import { planRulesUndo, type StillNeeded } from "./undo.ts";

/** What the backend works with. */
export interface IptablesSetting {
  readonly config: FirewallConfig;
  readonly clients: Clients;
  /** firewalld's zone, which accepts the traffic; undefined when rules of iptables do. */
  readonly bound: BindingZone | undefined;
}

/** Records the owner of the addresses, makes rules or bindings for them, and isolates the bridge. Throws CniError. */
export function addAttachment(
  { config, clients, bound }: IptablesSetting,
  attachment: FirewallAttachment,
): void {
  const { key, netns, addresses, isolation, comment } = attachment;
  const used = families.filter((family) => ofFamily(addresses, family).length > 0);
  if (bound === undefined || isolation !== undefined) {
    for (const family of used) requireIptables(family);
  }
  const directory = recordDirectory(config.dataDir);
  ensureRecordDirectory(directory);
  const { adminChain } = config;
  const rulesOf = isolation && { isolation: { policy: isolation.policy, bridge: isolation.bridge } };
  const common = { owner: key, netns, adminChain, ...(bound && { zone: bound.zone }), ...rulesOf };
  underRecordLock(directory, () =>
    withUndo((undo) => {
      const before = addresses.flatMap((address) => record(directory, { address, ...common }, undo));
      for (const family of used) {
        const accept = { addresses: ofFamily(addresses, family), adminChain };
        const wanted: WantedRules = { ...(bound === undefined && { accept }), ...rulesOf };
        makeRules({ clients, directory, owner: key, undo }, family, wanted);
      }
      undo.push(() => {
        removeFromRuleset(key);
      });
      isolatePorts(comment, isolation);
      if (bound !== undefined) {
        for (const address of addresses) bindAddress(bound, address, before, undo);
      }
      const bindings = new Bindings(clients.firewalld);
      removeLeftovers({ iptables: clients.iptables, bindings, directory }, before, common);
    }),
  );
}

/** Writes a record. Rules come after it, since whoever finds rules looks for their owner. Returns the record before, if any. */
function record(directory: string, record: AddressRecord, undo: UndoStack): readonly AddressRecord[] {
  const before = readAddressRecord(directory, record.address);
  undo.push(() => {
    if (before === undefined) removeAddressRecord(directory, record.address, record.owner);
    else replaceAddressRecord(directory, record.owner, before);
  });
  if (before === undefined) writeAddressRecord(directory, record);
  else replaceAddressRecord(directory, before.owner, record);
  return before === undefined ? [] : [before];
}

/** An ADD under way. */
interface Addition {
  readonly clients: Clients;
  readonly directory: string;
  readonly owner: AttachmentKey;
  readonly undo: UndoStack;
}

function makeRules(
  { clients, directory, owner, undo }: Addition,
  family: IpFamily,
  wanted: WantedRules,
): void {
  if (wanted.accept === undefined && wanted.isolation === undefined) return;
  const { iptables } = clients;
  const { transaction } = iptables.change(family, "filter", (current) => ({
    transaction: planRules(current, wanted),
  }));
  undo.push(() => {
    iptables.change(family, "filter", (current) => {
      const needed = stillNeeded(current, listRecords(directory), owner, wanted);
      return { transaction: planRulesUndo(current, transaction.operations, wanted, needed) };
    });
  });
}

/** What other attachments need of the shared chains. One of the Go plugin has no record, and may need all. */
function stillNeeded(
  current: Ruleset,
  records: readonly AddressRecord[],
  owner: AttachmentKey,
  { accept, isolation }: WantedRules,
): StillNeeded {
  const own: readonly IpAddress[] = accept?.addresses ?? [];
  if (hasUnrecorded(current, [...records.map(({ address }) => address), ...own])) {
    return { adminChain: true, isolation: true };
  }
  const others = records.filter((other) => !sameAttachment(other.owner, owner));
  return {
    adminChain: others.some((other) => other.zone === undefined && other.adminChain === accept?.adminChain),
    isolation:
      isolation !== undefined &&
      others.some(
        (other) =>
          other.isolation?.bridge === isolation.bridge && other.isolation.policy === isolation.policy,
      ),
  };
}
