import { formatIp } from "../ip/address.ts";
import { formatPrefix } from "../ip/prefix.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import { type Printable, printJson } from "./json-print.ts";
import {
  type Dns,
  isEmptyDns,
  type Result,
  type ResultInterface,
  type ResultIp,
  type Route,
} from "./result.ts";
import { resultFamily } from "./versions.ts";

/**
 * A result as text in the form and with the key order of the version (CNI SPEC; the conversions are those of the
 * Go library).
 *
 * @throws CniError when the version has no form for it: 0.1.0 and 0.2.0 need an address.
 */
export function printResult(result: Result, version: string): string {
  return printJson(resultDocument(result, version));
}

/** The document that `printResult` prints. */
export function resultDocument(result: Result, version: string): Printable {
  const cniVersion = version === "" ? "0.1.0" : version;
  switch (resultFamily(version)) {
    case "0.1":
      return oldestForm(result, cniVersion);
    case "0.3":
      return {
        cniVersion,
        interfaces: unlessEmpty(result.interfaces.map(oldInterface)),
        ips: unlessEmpty(result.ips.map(oldIp)),
        routes: unlessEmpty(result.routes.map(oldRoute)),
        dns: dnsForm(result.dns),
      };
    case "1.0":
      return sortKeys({
        cniVersion,
        interfaces: unlessEmpty(result.interfaces.map(newInterface)),
        ips: unlessEmpty(result.ips.map(newIp)),
        routes: unlessEmpty(result.routes.map(oldRoute)),
        dns: isEmptyDns(result.dns) ? undefined : dnsForm(result.dns),
      });
    case undefined:
      throw new CniError(
        ErrorCode.incompatibleVersion,
        `no converter for CNI result version 1.1.0 to ${version}`,
        "use a cniVersion from 0.1.0 to 1.1.0",
      );
  }
}

function oldestForm(result: Result, cniVersion: string): Printable {
  const first = (family: 4 | 6): Printable | undefined => {
    const ip = result.ips.find((candidate) => candidate.address.address.family === family);
    if (ip === undefined) return undefined;
    const routes = result.routes.filter((route) => route.dst.address.family === family);
    return {
      ip: formatPrefix(ip.address),
      gateway: ip.gateway === undefined ? undefined : formatIp(ip.gateway),
      routes: unlessEmpty(routes.map((route) => ({ dst: formatPrefix(route.dst), gw: gatewayText(route) }))),
    };
  };
  const ip4 = first(4);
  const ip6 = first(6);
  if (ip4 === undefined && ip6 === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      "cannot convert: no valid IP addresses",
      `a result of cniVersion ${cniVersion} must hold an address; use 0.3.0 or later for a network without addresses`,
    );
  }
  return { cniVersion, ip4, ip6, dns: dnsForm(result.dns) };
}

function oldInterface(entry: ResultInterface): Printable {
  return { name: entry.name, mac: unlessBlank(entry.mac), sandbox: unlessBlank(entry.sandbox) };
}

function newInterface(entry: ResultInterface): Printable {
  return {
    name: entry.name,
    mac: unlessBlank(entry.mac),
    mtu: unlessZero(entry.mtu),
    sandbox: unlessBlank(entry.sandbox),
    socketPath: unlessBlank(entry.socketPath),
    pciID: unlessBlank(entry.pciID),
  };
}

function oldIp(ip: ResultIp): Printable {
  return { version: String(ip.address.address.family), interface: ip.interface, ...addressAndGateway(ip) };
}

function newIp(ip: ResultIp): Printable {
  return { interface: ip.interface, ...addressAndGateway(ip) };
}

function addressAndGateway(ip: ResultIp): { address: string; gateway: string | undefined } {
  return {
    address: formatPrefix(ip.address),
    gateway: ip.gateway === undefined ? undefined : formatIp(ip.gateway),
  };
}

function oldRoute(route: Route): Printable {
  return {
    dst: formatPrefix(route.dst),
    gw: gatewayText(route),
    mtu: unlessZero(route.mtu),
    advmss: unlessZero(route.advmss),
    priority: unlessZero(route.priority),
    table: route.table,
    scope: route.scope,
  };
}

function gatewayText(route: Route): string | undefined {
  return route.gw === undefined ? undefined : formatIp(route.gw);
}

function dnsForm(dns: Dns): Printable {
  return {
    nameservers: unlessEmpty(dns.nameservers ?? []),
    domain: unlessBlank(dns.domain),
    search: unlessEmpty(dns.search ?? []),
    options: unlessEmpty(dns.options ?? []),
  };
}

function unlessEmpty(items: readonly Printable[]): readonly Printable[] | undefined {
  return items.length === 0 ? undefined : items;
}

function unlessBlank(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

function unlessZero(value: number | undefined): number | undefined {
  return value === 0 ? undefined : value;
}

/** The Go library prints results of 1.0.0 and later through a map, which sorts the keys on every level. */
function sortKeys(value: Printable): Printable {
  if (isList(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const sorted: Record<string, Printable> = {};
  for (const [key, member] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (member !== undefined) sorted[key] = sortKeys(member);
  }
  return sorted;
}

function isList(value: Printable): value is readonly Printable[] {
  return Array.isArray(value);
}
