import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import { BusUnavailable } from "../../../shared/dbus/errors.ts";
import { bitLength, formatIp, type IpAddress, sameIp } from "../../../shared/ip/address.ts";
import type { AddressRecord } from "../records/records.ts";
import { type Firewalld, type FirewalldAccess, isFirewalldGone, isTimeout } from "./client.ts";

/** firewalld, and the zone to which addresses are bound. */
export interface BindingZone {
  readonly firewalld: Firewalld;
  readonly zone: string;
}

/** The limit once firewalld has failed to answer in this call. The request was delivered and may still take effect. */
const shortMilliseconds = 2_000;

/**
 * Binds an address to the zone. An address belongs to one zone, so an earlier ADD's binding to another zone is removed
 * first. Throws CniError.
 *
 * @param before the records that this ADD has replaced.
 */
export function bindAddress(
  { firewalld, zone }: BindingZone,
  address: IpAddress,
  before: readonly AddressRecord[],
  undo: UndoStack,
): void {
  const other = before.find((record) => sameIp(record.address, address))?.zone;
  if (other !== undefined && other !== zone) {
    firewalld.removeSource(other, address);
    undo.push(() => firewalld.addSource(other, address));
  }
  try {
    if (firewalld.addSource(zone, address)) undo.push(() => firewalld.removeSource(zone, address));
  } catch (error) {
    // The address may be bound all the same, or may be later.
    if (isTimeout(error)) undo.push(() => firewalld.removeSource(zone, address, shortMilliseconds));
    throw error;
  }
}

/** Asserts that addresses are bound to the zone. Throws CniError code 105 for the first that is not. */
export function assertBound({ firewalld, zone }: BindingZone, addresses: readonly IpAddress[]): void {
  for (const address of addresses) {
    if (firewalld.hasSource(zone, address)) continue;
    const source = `${formatIp(address)}/${bitLength(address.family)}`;
    const command = `firewall-cmd --zone=${zone} --add-source=${source}`;
    throw new CniError(
      ErrorCode.checkMismatch,
      `failed to find the address ${source} in ${zone} zone: it is not bound to it`,
      `firewalld forgets such bindings when it is reloaded or started anew: "${command}", or "firewall reapply", binds it again`,
    );
  }
}

/**
 * The bindings of addresses to firewalld's zones, for their removal. firewalld is connected to only when an address may
 * be bound. Without firewalld or without a bus no address is bound, since bindings are part of its runtime configuration.
 */
export class Bindings {
  readonly #access: FirewalldAccess;
  readonly #goZone: string | undefined;
  #failure: unknown;

  /** @param goZone the zone to which the Go plugin may have bound addresses that have no record; undefined for none. */
  constructor(access: FirewalldAccess, goZone?: string) {
    this.#access = access;
    this.#goZone = goZone;
  }

  /**
   * Unbinds an address from the zone of its record. Without a record it is the Go plugin's zone, and failures are ignored,
   * as the Go plugin does.
   *
   * @throws CniError when an address with a record cannot be unbound.
   */
  unbind(address: IpAddress, record: AddressRecord | undefined): void {
    const zone = record === undefined ? this.#goZone : record.zone;
    if (zone === undefined) return;
    try {
      this.#ask((firewalld) => firewalld.removeSource(zone, address));
    } catch (error) {
      if (record !== undefined) throw error;
    }
  }

  /** The sources bound to the zones of these records; undefined when firewalld cannot be asked. */
  sourcesOf(records: readonly AddressRecord[]): readonly string[] | undefined {
    const zones = new Set(records.flatMap(({ zone }) => zone ?? []));
    try {
      return [...zones].flatMap((zone) => this.#ask((firewalld) => firewalld.sources(zone)) ?? []);
    } catch {
      return undefined;
    }
  }

  /** The answer; undefined when firewalld is gone. After a timeout, or without a bus, it is not asked again. */
  #ask<T>(question: (firewalld: Firewalld) => T): T | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return question(this.#access.open());
    } catch (error) {
      if (isFirewalldGone(error)) return undefined;
      if (error instanceof BusUnavailable || isTimeout(error)) this.#failure = error;
      throw error;
    }
  }
}
