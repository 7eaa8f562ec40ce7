import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type CommandResult, toolEnvironment } from "./command.ts";
import type { Host } from "./host.ts";
import { isObject, type JsonObject, objectList, parse, parseObject } from "./json.ts";

export type Family = "ipv4" | "ipv6";

/** `ip -j ARGS` in the host or in one of its named namespaces. */
export function ipJson(host: Host, args: readonly string[], netns?: string): JsonObject[] {
  return ipObjects(host.run("ip", ["-j", ...args], netns === undefined ? {} : { netns }).stdout);
}

/** What `ip -j` printed. */
export function ipObjects(stdout: string): JsonObject[] {
  if (stdout.trim() === "") return [];
  // Some objects that do not apply are printed as `{}` or `null`.
  const listed = parse(stdout);
  return objectList(Array.isArray(listed) ? listed.filter(isFilled) : listed);
}

/**
 * The lines of `iptables-save` (one table, or all), without comments, counters and `ACCEPT` policies; none where a test
 * has hidden the program.
 */
export function iptablesSave(host: Host, family: Family, table?: string): string[] {
  const tool = family === "ipv4" ? "iptables-save" : "ip6tables-save";
  const args = table === undefined ? [] : ["-t", table];
  const { status, stdout, stderr } = host.run(tool, args, { check: false });
  if (status === cannotExecute) return [];
  if (status !== 0) throw new Error(`${tool} failed: ${stderr}`);
  return rulesOf(stdout);
}

/** As shells and nsenter say it. */
const cannotExecute = 126;

/** What of the text of `iptables-save` is not there by default: each line after its table's name. */
export function rulesOf(saved: string): string[] {
  const rules: string[] = [];
  let table = "";
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const isDefaultPolicy = /^:\S+ ACCEPT /.test(line);
    if (/^[:-]/.test(line) && !isDefaultPolicy) rules.push(`${table} ${line.replace(/ \[\d+:\d+\]$/, "")}`);
  }
  return rules;
}

/** The nft rule set without handles, counters, and the tables that hold iptables' own rules. */
export function nftJson(host: Host): JsonObject[] {
  return nftObjects(host.run("nft", ["-j", "list", "ruleset"]).stdout);
}

/** The same from what `nft -j list ruleset` printed. */
export function nftObjects(stdout: string): JsonObject[] {
  const listed = parseObject(stdout);
  return objectList(listed["nftables"]).filter(isForeignToIptables).map(withoutCounters);
}

/** Whether an object of an nft listing lies outside the tables which iptables-nft keeps. */
function isForeignToIptables(object: JsonObject): boolean {
  if ("metainfo" in object) return false;
  const body = Object.values(object)[0];
  if (!isObject(body)) return true;
  const table = "table" in object ? body["name"] : body["table"];
  const isIp = body["family"] === "ip" || body["family"] === "ip6";
  return !(isIp && typeof table === "string" && /^(filter|nat|mangle|raw|security)$/.test(table));
}

function withoutCounters(object: JsonObject): JsonObject {
  return parseObject(
    JSON.stringify(object, (key, value: unknown) =>
      key === "handle" || key === "packets" || key === "bytes" ? undefined : value,
    ),
  );
}

/** Connection-tracking entries of both families as `conntrack` prints them, without the seconds to live. */
export function conntrack(host: Host): string[] {
  return ["ipv4", "ipv6"].flatMap((family) =>
    connections(host.run("conntrack", ["-L", "-f", family]).stdout),
  );
}

/** The same from what `conntrack -L` printed. */
export function connections(stdout: string): string[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map(connectionOf);
}

/** A line of `conntrack -L` without protocol number and time to live. */
export function connectionOf(line: string): string {
  return line.replace(/^(\S+)\s+\d+\s+\d+\s+/, "$1 ").trim();
}

/** Whether an entry's addresses or ports are translated: whether its answers are not simply the way back. */
export function isTranslated(entry: string): boolean {
  const tuples = [...entry.matchAll(/ src=(\S+) dst=(\S+)(?: sport=(\d+) dport=(\d+))?/g)];
  const [there = [], back = []] = tuples.map((tuple) => tuple.slice(1));
  const [source, destination, sourcePort, destinationPort] = there;
  const wayBack = [destination, source, destinationPort, sourcePort];
  return back.some((value, index) => value !== wayBack[index]);
}

export type Lease = { address: string; containerId: string; ifname: string };

/** host-local's leases of one network: a file for each address, which holds the container ID and the interface. */
export function leases(host: Host, network: string, dataDir = "/var/lib/cni/networks"): Lease[] {
  const directory = host.outside(`${dataDir}/${network}`);
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name !== "lock" && !name.startsWith("last_reserved_ip."))
    .map((address) => {
      const [containerId = "", ifname = ""] = readFileSync(`${directory}/${address}`, "utf8").split("\r\n");
      return { address, containerId, ifname };
    });
}

/** Kernel settings of the host's network namespace, `net/ipv4/ip_forward` and the like, in the order asked for. */
export function sysctls(host: Host, keys: readonly string[]): string[] {
  const paths = keys.map((key) => `/proc/sys/${key}`);
  const { stdout }: CommandResult = host.run("cat", paths, { env: toolEnvironment });
  return stdout.trim().split("\n");
}

function isFilled(value: unknown): boolean {
  return isObject(value) && Object.keys(value).length > 0;
}
