import type { IpAddress } from "../ip/address.ts";
import type { IpPrefix } from "../ip/prefix.ts";

/** One interface of a result (CNI SPEC 1.1.0, "ADD Success"). */
export interface ResultInterface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  /** Path of the network namespace; absent for interfaces of the host. */
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

export interface ResultIp {
  readonly address: IpPrefix;
  readonly gateway?: IpAddress;
  /** Index into `interfaces`. */
  readonly interface?: number;
}

export interface Route {
  readonly dst: IpPrefix;
  readonly gw?: IpAddress;
  readonly mtu?: number;
  readonly advmss?: number;
  readonly priority?: number;
  readonly table?: number;
  readonly scope?: number;
}

export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** A result in the form of the newest specification; it is converted when it is read and when it is printed. */
export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/** True when nothing in it would be printed. */
export function isEmptyDns(dns: Dns): boolean {
  return (
    (dns.nameservers ?? []).length === 0 &&
    (dns.search ?? []).length === 0 &&
    (dns.options ?? []).length === 0 &&
    (dns.domain ?? "") === ""
  );
}
