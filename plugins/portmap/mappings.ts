import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { type IpAddress, type IpFamily, isUnspecified, parseIp, sameIp } from "../../shared/ip/address.ts";

/** Protocols whose ports can be matched and translated. */
export const protocols = ["tcp", "udp", "sctp", "dccp"] as const;
type Protocol = (typeof protocols)[number];

/** The numbers of protocols (linux/in.h). */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132, dccp: 33 };

/** One port to be published. */
export interface PortMapping {
  readonly protocol: Protocol;
  readonly hostPort: number;
  readonly containerPort: number;
  /** Only packets to this address of the host are forwarded; absent: to any of its addresses. */
  readonly hostIp?: IpAddress;
  /** Only this family is published; absent: both. "0.0.0.0" and "::" mean all addresses of one family. */
  readonly family?: IpFamily;
}

/** A port that an installed rule publishes. */
export interface PublishedPort {
  readonly protocol: string;
  readonly hostPort: number;
  /** Only packets to this address of the host; absent: to any. */
  readonly hostIp?: IpAddress;
  readonly container: IpAddress;
  readonly containerPort: number;
}

/** A mapping as the runtime writes it, with types that have been checked. */
export interface RawMapping {
  readonly hostPort?: number | undefined;
  readonly containerPort?: number | undefined;
  readonly protocol?: string | undefined;
  readonly hostIP?: string | undefined;
}

/**
 * Returns the mappings of `runtimeConfig.portMappings`, validated.
 *
 * @throws CniError code 7 naming the first one that is wrong.
 */
export function validateMappings(raw: readonly RawMapping[]): PortMapping[] {
  return raw.map((mapping, index) => {
    const containerPort = validPort("container", mapping.containerPort ?? 0, index);
    const hostPort = validPort("host", mapping.hostPort ?? 0, index);
    const protocol = validProtocol(mapping.protocol ?? "", index);
    return { protocol, hostPort, containerPort, ...hostAddress(mapping.hostIP ?? "", index) };
  });
}

/** Returns the mappings that are published for containers' addresses of this family. */
export function mappingsOf(mappings: readonly PortMapping[], family: IpFamily): PortMapping[] {
  return mappings.filter((mapping) => mapping.family === undefined || mapping.family === family);
}

/** Whether a mapping and a published port are for the same packets, or one of them for all addresses of the host. */
export function overlaps({ protocol, hostPort, hostIp }: PortMapping, port: PublishedPort): boolean {
  if (protocol !== port.protocol || hostPort !== port.hostPort) return false;
  return hostIp === undefined || port.hostIp === undefined || sameIp(hostIp, port.hostIp);
}

function validPort(side: "container" | "host", port: number, index: number): number {
  if (port >= 1 && port <= 65535) return port;
  throw invalid(`Invalid ${side} port number: ${port}`, index, "ports are 1 to 65535");
}

function validProtocol(text: string, index: number): Protocol {
  const protocol = protocols.find((known) => known === text.toLowerCase());
  if (protocol !== undefined) return protocol;
  throw invalid(
    `unknown protocol ${JSON.stringify(text)} specified`,
    index,
    `"protocol" is one of ${protocols.join(", ")}; there is no default`,
  );
}

function hostAddress(text: string, index: number): Pick<PortMapping, "hostIp" | "family"> {
  if (text === "") return {};
  const address = parseIp(text);
  if (address === undefined) {
    throw invalid(
      `invalid hostIP ${JSON.stringify(text)}`,
      index,
      '"hostIP" is an IP address without prefix length, zone or brackets; leave it out to publish on all addresses',
    );
  }
  if (isUnspecified(address)) return { family: address.family };
  return { hostIp: address, family: address.family };
}

function invalid(msg: string, index: number, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, `runtimeConfig.portMappings[${index}]: ${details}`);
}
