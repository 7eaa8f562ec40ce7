/** What the scenarios of bridge share: its configuration, and the usual looks at what it made. */
import type { JsonObject } from "../../harness/host/json.ts";
import type { Pattern, PatternObject } from "../../scenario/match.ts";
import type { LookStep, RunStep, Step, Where } from "../../scenario/scenario.ts";

export const v4 = [{ subnet: "10.1.2.0/24" }];
export const v6 = [{ subnet: "2001:db8:5::/64" }];

/** What a CNI_ARGS or `args` example asks for. */
export const mac = (digit: number): string => `02:00:00:00:00:0${digit}`;

/** Leases of host-local, a range set for each argument. */
export const leased = (...ranges: readonly JsonObject[][]): JsonObject => ({
  ipam: { type: "host-local", ranges },
});

export const layer2 = { bridge: "br0" };
export const plain: JsonObject = { ...layer2, ...leased(v4) };
export const gateway: JsonObject = { ...plain, isGateway: true };
export const routed: JsonObject = { ...plain, isDefaultGateway: true };
export const dual: JsonObject = { ...layer2, isDefaultGateway: true, ...leased(v4, v6) };
export const masquerading = (backend: string): JsonObject => ({
  ...dual,
  ipMasq: true,
  ipMasqBackend: backend,
});

const anyMac = { $match: "^([0-9a-f]{2}:){5}[0-9a-f]{2}$" };

/** `interfaces` of a result: the bridge, its port, the container's end. The port's name is kept as `${port}`. */
export const interfaces = ({ container = "c1", bridge = "br0", ifname = "eth0" } = {}): Pattern => [
  { name: bridge, mac: anyMac, sandbox: { $anyOf: [{ $absent: true }, ""] } },
  { name: { $as: "port" }, mac: anyMac, sandbox: { $anyOf: [{ $absent: true }, ""] } },
  { name: ifname, mac: anyMac, sandbox: `/run/netns/${container}` },
];

export const ip = (address: string, gw?: string): PatternObject => ({
  address,
  interface: 2,
  ...(gw !== undefined && { gateway: gw }),
});

/** `ip -d link show dev NAME`. */
export const link = (name: string, shows: PatternObject, where: Where = "host"): LookStep => ({
  look: ["ip", "-j", "-d", "link", "show", "dev", name],
  in: where,
  shows: [shows],
});

/** The global addresses of a link, in any order. */
export const addresses = (name: string, all: readonly string[], where: Where = "host"): LookStep => ({
  look: ["ip", "-j", "address", "show", "dev", name, "scope", "global"],
  in: where,
  shows:
    all.length === 0
      ? []
      : [
          {
            addr_info: {
              $all: [
                { $length: all.length },
                {
                  $has: all.map((address) => {
                    const [local = "", prefix = ""] = address.split("/");
                    return { local, prefixlen: Number(prefix) };
                  }),
                },
              ],
            },
          },
        ],
});

/** The default route of a container by one gateway and no other; an empty text for none. */
export const defaultRoute = (via: string, where: Where = "c1"): LookStep => ({
  look: ["ip", "-j", via.includes(":") ? "-6" : "-4", "route", "show", "default"],
  in: where,
  shows: [{ gateway: via, dev: "eth0", prefsrc: { $absent: true } }],
});

/** The ports of a bridge, each as `ip -d link` shows it. */
export const ports = (shows: readonly PatternObject[], bridge = "br0"): LookStep => ({
  look: ["ip", "-j", "-d", "link", "show", "master", bridge],
  shows,
});

/** The container has no link but `lo`. */
export const unplugged = (container = "c1"): LookStep => ({
  look: ["ip", "-j", "link"],
  in: container,
  shows: [{ ifname: "lo" }],
});

const noBridge: LookStep = { look: ["ip", "-j", "link", "show", "type", "bridge"], shows: [] };

/** A lease of host-local in its files: who has it; null for nobody. */
export const lease = (address: string, container: string | null, network = "net1"): Step => ({
  file: `/var/lib/cni/networks/${network}/${address}`,
  is: container === null ? null : { $match: `^${container}\\b` },
});

/** Nothing of a refused ADD is left, a bridge that it made neither. */
export const nothingMade: readonly Step[] = [{ unchanged: true, except: "furniture" }, noBridge, unplugged()];

/** Words of a command line, the easiest to read. */
export const run = (command: string, where: Where = "host"): RunStep => ({
  run: command.split(" "),
  in: where,
});

export const value = (path: string, text: string, where: Where = "host"): LookStep => ({
  look: ["cat", path],
  in: where,
  shows: [text],
});

/** Tables, chains and rules which name no container and no address of one may stay for the containers to come. */
export const baseRules = { nft: ['^(?!.*("|\\b)(c[1-9]|10\\.1\\.|2001:db8:5|veth))'] };
