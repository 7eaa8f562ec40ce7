import { isSea } from "node:sea";
import { fileURLToPath } from "node:url";
import type { Host, Place } from "../host/host.ts";
import { asString, parseObject } from "../host/json.ts";

/** The command that runs a mode of traffic-tool.ts; the packaged suite has it built in. */
export function trafficCommand(...args: string[]): string[] {
  if (isSea()) return [process.execPath, "--traffic", ...args];
  return [process.execPath, fileURLToPath(new URL("traffic-tool.ts", import.meta.url)), ...args];
}

/** Serves a page by HTTP in a named namespace, IPv4 and IPv6, until the host is disposed of. */
export async function serveHttp(host: Host, netns: string, port: number, page: string): Promise<void> {
  const [command = "", ...args] = trafficCommand("http", String(port), page);
  await host.start(command, args, { netns });
}

/** Echoes UDP datagrams in a named namespace, IPv4 and IPv6, until the host is disposed of. */
export async function serveUdp(host: Host, netns: string, port: number): Promise<void> {
  const [command = "", ...args] = trafficCommand("udp", String(port));
  await host.start(command, args, { netns });
}

/** A page of `serveHttp`: its text, and the address from which the server saw the request come. */
type Page = { page: string; client: string };

/** Fetches a page of `serveHttp`. Throws when it does not come. */
export function fetchPage(host: Host, url: string, place: Place = {}): Page {
  const answer = parseObject(fetchText(host, url, place));
  return { page: asString(answer["page"]), client: asString(answer["client"]) };
}

/** Fetches any page. Throws with curl's words when it does not come. */
export function fetchText(host: Host, url: string, place: Place = {}): string {
  const options = ["--silent", "--show-error", "--fail", "--max-time", "30", "--noproxy", "*"];
  return host.run("curl", [...options, url], place).stdout;
}

/** Whether nothing answers at a URL. */
export function isUnreachable(host: Host, url: string, place: Place = {}): boolean {
  const options = ["--silent", "--max-time", "5", "--noproxy", "*", "--output", "/dev/null"];
  return host.run("curl", [...options, url], { ...place, check: false }).status !== 0;
}

/** Sends a datagram to a server of `serveUdp` and returns `CLIENT-ADDRESS TEXT`, or null when no answer came. */
export function askUdp(
  host: Host,
  address: string,
  port: number,
  text: string,
  place: Place = {},
): string | null {
  const [command = "", ...args] = trafficCommand("udp-client", address, String(port), text);
  const { status, stdout } = host.run(command, args, { ...place, check: false });
  return status === 0 ? stdout.trim() : null;
}

/**
 * Links made afterwards in a namespace have their link-local addresses at once. A router asks for a neighbour from such
 * an address: while duplicates are still looked for (up to two seconds) it reaches no neighbour that it does not know.
 */
export function skipDuplicateDetection(host: Host, place: Place = {}): void {
  host.run("sysctl", ["-qw", "net.ipv6.conf.default.accept_dad=0"], place);
}

/** The host's address on the link to `addOutside`'s namespace, and that namespace's own. */
export const outsideAddresses = {
  host: { ipv4: "192.0.2.1", ipv6: "2001:db8:ffff::1" },
  outside: { ipv4: "192.0.2.2", ipv6: "2001:db8:ffff::2" },
};

/**
 * Joins a namespace to the host that stands for the rest of the world: it knows no way to the containers, so their
 * packets come back only if the host translates their addresses. It is the host's default gateway.
 */
export function addOutside(host: Host, name = "outside"): void {
  const { host: near, outside: far } = outsideAddresses;
  host.addNetns(name);
  host.run("ip", ["link", "add", "uplink0", "type", "veth", "peer", "name", "eth0", "netns", name]);
  for (const [device, side, place] of [
    ["uplink0", near, {}],
    ["eth0", far, { netns: name }],
  ] as const) {
    host.run("sysctl", ["-qw", `net.ipv6.conf.${device}.accept_dad=0`], place);
    host.run("ip", ["address", "add", `${side.ipv4}/24`, "dev", device], place);
    host.run("ip", ["address", "add", `${side.ipv6}/64`, "dev", device, "nodad"], place);
    host.run("ip", ["link", "set", device, "up"], place);
  }
  // The kernel makes an IPv6 address ready some time after the link: not while a test compares what is there.
  awaitLocalRoute(host, near.ipv6);
  awaitLocalRoute(host, far.ipv6, { netns: name });
  host.run("ip", ["link", "set", "lo", "up"], { netns: name });
  host.run("ip", ["route", "add", "default", "via", far.ipv4]);
  host.run("ip", ["-6", "route", "add", "default", "via", far.ipv6]);
}

function awaitLocalRoute(host: Host, address: string, place: Place = {}): void {
  const end = performance.now() + 60_000;
  const routes = () => host.run("ip", ["-6", "route", "show", "table", "local", address], place).stdout;
  while (!routes().includes(address)) {
    if (performance.now() > end) throw new Error(`${address} is not ready after a minute`);
  }
}
