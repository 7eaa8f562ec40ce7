import { BusUnavailable } from "../../shared/dbus/errors.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import type { FirewallConfig } from "./config.ts";
import { type Firewalld, isGone, isTimeout, openFirewalld } from "./firewalld.ts";
import type { AddressRecord } from "./records.ts";

/**
 * The bindings of addresses to firewalld's zones, as DEL and GC see them. The bus is asked no sooner than something may
 * have to be unbound. Where firewalld or the bus is gone nothing is bound, since bindings are made at run time only.
 */
export class Bindings {
  readonly #config: FirewallConfig;
  #firewalld: Firewalld | undefined;
  #failure: unknown;

  constructor(config: FirewallConfig) {
    this.#config = config;
  }

  /**
   * Unbinds an address.
   *
   * @param record its record. Without one the Go plugin may have bound it: then the configuration tells where to look,
   *   and failures are passed over, as they are there.
   * @throws CniError when an address that was bound cannot be unbound.
   */
  release(address: IpAddress, record: AddressRecord | undefined): void {
    const { backend, zone: configured } = this.#config;
    const assumed = backend === "iptables" ? undefined : configured;
    const zone = record === undefined ? assumed : record.zone;
    if (zone === undefined) return;
    try {
      this.#ask((firewalld) => firewalld.removeSource(zone, address));
    } catch (error) {
      if (record !== undefined) throw error;
    }
  }

  /** What is bound to the zones of these records; undefined when that cannot be known. */
  sourcesOf(records: readonly AddressRecord[]): readonly string[] | undefined {
    const zones = new Set(records.flatMap(({ zone }) => zone ?? []));
    try {
      return [...zones].flatMap((zone) => this.#ask((firewalld) => firewalld.sources(zone)) ?? []);
    } catch {
      return undefined;
    }
  }

  close(): void {
    this.#firewalld?.close();
  }

  /** Undefined when there is nobody to ask. Who did not answer once is not waited for again. */
  #ask<T>(question: (firewalld: Firewalld) => T): T | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#firewalld ??= openFirewalld();
      return question(this.#firewalld);
    } catch (error) {
      if (isGone(error)) return undefined;
      if (error instanceof BusUnavailable || isTimeout(error)) this.#failure = error;
      throw error;
    }
  }
}
