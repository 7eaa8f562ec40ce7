import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { FileStep, Step } from "../../scenario/scenario.ts";

/** Where the leases of the network that scenarios use by default are. */
export const leases = "/var/lib/cni/networks/net1";

/** What a lease of a container consists of, byte for byte. */
export const leaseOf = (container: string, ifname = "eth0") => `${container}\r\n${ifname}`;

/** The file of a lease must name the container, or not be there. */
export function lease(address: string, container: string | null, ifname?: string): FileStep {
  return { file: `${leases}/${address}`, is: container === null ? null : leaseOf(container, ifname) };
}

/** The address that a range set gave out last. */
export function cursor(set: number, address: string): FileStep {
  return { file: `${leases}/last_reserved_ip.${set}`, is: address };
}

/**
 * Calls in short: `+a 10.1.0.2/24 …` is ADD of container a, which gets these addresses and no others; `+a !text` one
 * that fails with a message that the regular expression matches; `-a` is DEL, `?a` CHECK, `?a !text` one that fails.
 */
export function calls(config: JsonObject, lines: readonly string[], more: Partial<CallStep> = {}): Step[] {
  return lines.map((line) => {
    const [word = "", ...rest] = line.split(" ");
    const kind = word.slice(0, 1);
    const call = kind === "+" ? "ADD" : kind === "-" ? "DEL" : "CHECK";
    const step: CallStep = { ...more, call, container: word.slice(1), config, what: line };
    const text = rest.join(" ");
    if (text.startsWith("!")) return { ...step, expect: { error: { msg: { $match: text.slice(1) } } } };
    if (rest.length === 0) return step;
    return { ...step, expect: { result: { ips: rest.map((address) => ({ address })) } } };
  });
}

/** The configuration of an IPAM plugin, as the plugin that makes the interface hands it over. */
export const ipam = (keys: JsonObject): JsonObject => ({ ipam: { type: "host-local", ...keys } });

/** What a message of an exhausted range set is about. */
export const full = "!no IP addresses available in range set";
