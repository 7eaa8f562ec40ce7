import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import type { Host } from "./host.ts";
import { connections, ipObjects, isTranslated, nftObjects, rulesOf } from "./inspect.ts";
import { isObject, type JsonObject, objectList } from "./json.ts";

export const sections = [
  "links",
  "addresses",
  "routes",
  "iptables",
  "ip6tables",
  "nft",
  "conntrack",
  "files",
  "sysctls",
] as const;

export type Section = (typeof sections)[number];

/** What a host is like at one moment: sorted lines of text, so that two moments can be told apart line by line. */
export type Snapshot = Record<Section, string[]>;

/** Where the plugins, libcni and the configurations of the fixtures keep files. */
const stateFolders = ["/var/lib/cni", "/run/cni", "/run/ipam-state"];

const forwarding = ["net/ipv4/ip_forward", "net/ipv4/conf/all/forwarding", "net/ipv6/conf/all/forwarding"];

/** What is asked for a snapshot: all in one shell, since starting each command alone takes twice as long. */
const questions = [
  "ip -j -d link",
  "ip -j address",
  "ip -j -4 -d route show table all",
  "ip -j -6 -d route show table all",
  unlessHidden("iptables-save"),
  unlessHidden("ip6tables-save"),
  "nft -j list ruleset",
  "conntrack -L -f ipv4",
  "conntrack -L -f ipv6",
  `cat ${forwarding.map((key) => `/proc/sys/${key}`).join(" ")}`,
] as const;

/**
 * A scenario that hides a program has no rules that it could show. 126: it cannot be executed; 127: it is not there,
 * which is also what dash 0.5.12 says of one that cannot be executed.
 */
function unlessHidden(program: string): string {
  return `${program} || case $? in 126 | 127) ;; *) false ;; esac`;
}

const separator = "---- next question ----";

/** The answers to the questions, in their order. Throws with the command's words when one fails. */
function answersOf(host: Host): string[] {
  const { stdout } = host.run("sh", ["-ec", questions.join(`\necho '${separator}'\n`)]);
  return stdout.split(`${separator}\n`);
}

/**
 * Reads everything of a host that an attachment can leave behind. Of the tracked connections only those count
 * that were translated, by a published port or by masquerading: others are the host's own affair.
 */
export function snapshot(host: Host): Snapshot {
  const [links = "", addresses = "", ...rest] = answersOf(host);
  const [routes = "", routes6 = "", iptables = "", ip6tables = "", nft = "", ...others] = rest;
  const [connections4 = "", connections6 = "", values = ""] = others;
  const settings = values.trim().split("\n");
  const taken: Snapshot = {
    links: ipObjects(links).map(linkLine),
    addresses: ipObjects(addresses).flatMap(addressLines),
    routes: [routes, routes6].flatMap((text) => ipObjects(text).filter(isLasting).map(routeLine)),
    iptables: rulesOf(iptables),
    ip6tables: rulesOf(ip6tables),
    nft: nftObjects(nft).map((object) => JSON.stringify(object)),
    conntrack: [connections4, connections6].flatMap(connections).filter(isTranslated),
    files: stateFolders.flatMap((folder) => fileLines(host, folder)),
    sysctls: forwarding.map((key, index) => `${key} = ${settings[index]}`),
  };
  for (const section of sections) taken[section].sort();
  return taken;
}

/** The snapshot with only those lines that a predicate accepts. */
export function keepLines(taken: Snapshot, keep: (section: Section, line: string) => boolean): Snapshot {
  const kept = { ...taken };
  for (const section of sections) kept[section] = taken[section].filter((line) => keep(section, line));
  return kept;
}

/** What is different, for people: a line `section: + line` for each one that came, `section: - line` that went. */
export function difference(before: Snapshot, after: Snapshot): string {
  const lines: string[] = [];
  for (const section of sections) {
    for (const line of missingFrom(before[section], after[section])) lines.push(`${section}: + ${line}`);
    for (const line of missingFrom(after[section], before[section])) lines.push(`${section}: - ${line}`);
  }
  return lines.join("\n");
}

/** Lines of `lines` beyond those in `others`; of a line that is there twice and once, one is returned. */
function missingFrom(others: readonly string[], lines: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function linkLine(link: JsonObject): string {
  const info = isObject(link["linkinfo"]) ? link["linkinfo"]["info_kind"] : link["link_type"];
  const master = typeof link["master"] === "string" ? ` master ${link["master"]}` : "";
  return `${link["ifname"]} ${info} mtu ${link["mtu"]}${master}`;
}

/** IPv6 link-local addresses are left out: the kernel makes and drops them in its own time. */
function addressLines(link: JsonObject): string[] {
  return objectList(link["addr_info"] ?? [])
    .filter((address) => !(address["family"] === "inet6" && address["scope"] === "link"))
    .map((address) => `${link["ifname"]} ${address["local"]}/${address["prefixlen"]}`);
}

/** Whether a route is there because someone made it; the kernel's multicast and link-local ones come and go. */
function isLasting(route: JsonObject): boolean {
  const { dst, type } = route;
  return type !== "multicast" && type !== "anycast" && !/^(fe80:|ff00:)/.test(String(dst));
}

function routeLine(route: JsonObject): string {
  const keys = ["type", "dst", "gateway", "dev", "table", "metric"];
  return keys.flatMap((key) => (route[key] === undefined ? [] : [`${key} ${route[key]}`])).join(" ");
}

/** Each file below a folder, with the content of the short ones, and symbolic links with where they lead. */
function fileLines(host: Host, folder: string): string[] {
  const names = readFolder(host.outside(folder));
  return names.flatMap((name) => {
    const path = `${folder}/${name}`;
    if (lstatSync(host.outside(path)).isSymbolicLink())
      return [`${path} -> ${readlinkSync(host.outside(path))}`];
    const { size } = statSync(host.outside(path));
    return size > 128 ? [path] : [`${path} ${JSON.stringify(readFileSync(host.outside(path), "utf8"))}`];
  });
}

function readFolder(path: string): string[] {
  const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isThere) return [];
  const entries = readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(path.length + 1));
}
