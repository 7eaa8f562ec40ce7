import { hasIptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { FirewallAttachment } from "./attachment.ts";
import type { Clients } from "./clients.ts";
import type { CleanUpConfig, FirewallConfig } from "./config.ts";
import { iptablesFirewall } from "./iptables/backend.ts";
import { nftablesFirewall } from "./nftables/backend.ts";
import type { AddressRecord } from "./records/records.ts";

/*
 * Which backend a call uses. The first line that fits counts; "-" fits always.
 *
 *   configured  iptables   firewalld  nf_tables |  CHECK: address  CHECK: attachment |  backend
 *   backend     installed  runs       usable    |  has a record    in our table      |
 *   ----------  ---------  ---------  --------- |  --------------  ----------------- |  -------------------------------
 *   nftables    -          -          -         |  -               -                 |  nftables
 *   detect      no         no         yes       |  -               -                 |  nftables
 *   -           -          -          -         |  with a zone     -                 |  firewalld, the record's zone
 *   -           -          -          -         |  without         -                 |  iptables
 *   detect      -          -          -         |  no              yes               |  nftables
 *   firewalld   -          -          -         |  no              no                |  firewalld, the configured zone
 *   detect      -          yes        -         |  no              no                |  firewalld, the configured zone
 *   iptables    -          -          -         |  no              no                |  iptables
 *   detect      -          no         -         |  no              no                |  iptables
 *
 * ADD and STATUS have neither record nor table to go by. The Go plugin has no nftables backend, and otherwise decides like
 * this: firewalld if it runs and iptables if not. So "detect" means nftables only where the Go plugin could do nothing.
 * CHECK goes by what ADD left behind, since firewalld or iptables may have come or gone since; after an ADD of the Go
 * plugin, which leaves no record, the configuration decides.
 *
 * DEL and GC do not choose: they remove what each backend may have made.
 */

/** A way to let the traffic of addresses pass. All functions throw CniError, or what becomes one. */
interface Backend {
  readonly add: (attachment: FirewallAttachment) => void;
  /** Changes nothing. Throws CniError code 105 at the first difference. */
  readonly check: (attachment: FirewallAttachment, record: () => AddressRecord | undefined) => void;
  /** Asserts that ADD would work. Looks at IPv4 only, since the configuration has no addresses. */
  readonly status: () => void;
}

/** What an ADD left behind, read when it is needed. */
interface Traces {
  /** The record of one of the attachment's addresses. */
  readonly record: () => AddressRecord | undefined;
  /** True when the attachment is in our nf_tables table. */
  readonly isInTables: () => boolean;
}

const noTraces: Traces = { record: () => undefined, isInTables: () => false };

/**
 * Decides which backend this call uses, by the table above. Connects to firewalld at most once.
 *
 * @param traces those of the ADD before, for CHECK.
 * @throws BusUnavailable or BusTimeout when firewalld is the backend by configuration or record, and there is no bus.
 */
export function decideBackend(config: FirewallConfig, clients: Clients, traces = noTraces): Backend {
  const { backend, zone } = config;
  const { firewalld } = clients;
  const isDetecting = backend === "detect";
  if (backend === "nftables") return nftablesFirewall(config, clients);
  if (isDetecting && !hasIptables(4) && firewalld.find() === undefined && hasNftables()) {
    return nftablesFirewall(config, clients);
  }
  const record = traces.record();
  if (record !== undefined) {
    const bound = record.zone === undefined ? undefined : { firewalld: firewalld.open(), zone: record.zone };
    return iptablesFirewall(config, clients, bound);
  }
  if (isDetecting && traces.isInTables()) return nftablesFirewall(config, clients);
  const chosen = backend === "firewalld" ? firewalld.open() : isDetecting ? firewalld.find() : undefined;
  return iptablesFirewall(config, clients, chosen && { firewalld: chosen, zone });
}

/** What follows from the configured backend alone. */
const consequences = {
  iptables: { expectsIptables: true, goMayBind: false, iptablesMayBeMissing: false },
  detect: { expectsIptables: true, goMayBind: true, iptablesMayBeMissing: false },
  firewalld: { expectsIptables: false, goMayBind: true, iptablesMayBeMissing: false },
  // For the Go plugin the same as "detect".
  nftables: { expectsIptables: false, goMayBind: true, iptablesMayBeMissing: true },
} as const;

/** True when iptables is probably used, so that an early start of its program pays. */
export function expectsIptables({ backend }: CleanUpConfig): boolean {
  return consequences[backend].expectsIptables;
}

/** True on a host of which the configuration says that it has nf_tables only. */
export function iptablesMayBeMissing({ backend }: CleanUpConfig): boolean {
  return consequences[backend].iptablesMayBeMissing;
}

/** The zone of firewalld to which the Go plugin may have bound addresses with this configuration; undefined for none. */
export function goZone({ backend, zone }: CleanUpConfig): string | undefined {
  return consequences[backend].goMayBind ? zone : undefined;
}
