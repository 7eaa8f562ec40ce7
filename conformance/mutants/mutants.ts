import { isObject, type JsonObject } from "../harness/json.ts";
import {
  afterwards,
  each,
  inside,
  type Mutation,
  nothingDone,
  omit,
  only,
  otherConfig,
  otherEnv,
  otherError,
  otherResult,
  silence,
  without,
} from "./mutation.ts";

/** A plugin that is deliberately wrong, and the scenario that must notice. */
export type Mutant = {
  name: string;
  plugin: string;
  mutation: Mutation;
  /**
   * The ID of the scenario that must fail for it, for the reason that its name gives: `SUITE/NAME@VERSION`, or
   * `SUITE/NAME` for the newest version that the scenario has.
   */
  killedBy: string;
  /** How long its calls may take, in seconds, where a hang is the mistake. Default: the runner's limit. */
  limitSeconds?: number;
};

const eachMapping = (change: (mapping: JsonObject) => JsonObject): Mutation =>
  otherConfig((config) =>
    inside(config, "runtimeConfig", (runtime) => ({
      ...runtime,
      portMappings: each(runtime["portMappings"], change),
    })),
  );

/** Where host-local keeps its leases. */
const leaseFiles = "/var/lib/cni/networks";

/** Every mutant. Their number is what issue trackers call the suite's strength. */
export const mutants: readonly Mutant[] = [
  // The protocol.
  {
    name: "fails with exit status 0",
    plugin: "loopback",
    mutation: { answer: (answer) => ({ ...answer, status: 0 }) },
    killedBy: "loopback/ADD and CHECK name a namespace that they miss",
  },
  {
    name: "succeeds with exit status 1",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, status: 1 }) }),
    killedBy: "loopback/DEL works without ADD, twice, and without the namespace",
  },
  {
    name: "tells on standard output what it does",
    plugin: "loopback",
    mutation: only("ADD", { answer: (answer) => ({ ...answer, stdout: `adding\n${answer.stdout}` }) }),
    killedBy: "loopback/brings lo up and reports its addresses",
  },
  {
    name: "prints a result on DEL",
    plugin: "loopback",
    mutation: only("DEL", { answer: (answer) => ({ ...answer, stdout: "{}" }) }),
    killedBy: "loopback/DEL works without ADD, twice, and without the namespace",
  },
  {
    name: "prints its error on standard error",
    plugin: "tuning",
    mutation: {
      answer: ({ status, stdout }) =>
        status === 0 ? { status, stdout, stderr: "" } : { status, stdout: "", stderr: stdout },
    },
    killedBy: "protocol/tuning refuses to be the first of a list",
  },
  {
    name: "has error code 0",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: 0 })),
    killedBy: "host-local/CHECK and DEL of a network that was never used create nothing",
  },
  {
    name: "has a text as error code",
    plugin: "host-local",
    mutation: otherError((error) => ({ ...error, code: String(error["code"]) })),
    killedBy: "host-local/CHECK and DEL of a network that was never used create nothing",
  },
  {
    name: "has code 100 for every error",
    plugin: "bridge",
    mutation: otherError((error) => ({ ...error, code: 100 })),
    killedBy: "bridge/STATUS: another link has the bridge's name",
  },
  {
    name: "has errors without a message",
    plugin: "portmap",
    mutation: otherError((error) => ({ ...error, msg: "" })),
    killedBy: "protocol/portmap refuses to be the first of a list",
  },
  {
    name: "names another version in its result",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, cniVersion: "1.0.0" })),
    ),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
  },
  {
    name: "gives results of 1.0.0 and newer to every version",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "version")) })),
    ),
    killedBy:
      "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it@0.4.0",
  },
  {
    name: "gives the oldest versions the newest keys",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => {
        const ip4 = result["ip4"];
        return isObject(ip4) ? { ...omit(result, "ip4"), ips: [{ address: ip4["ip"] }] } : result;
      }),
    ),
    killedBy:
      "bridge/IPv4: the container has an address, a default route and its gateway on the bridge@0.2.0",
  },
  {
    name: "does not know version 1.1.0",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult((result) => ({
        ...result,
        supportedVersions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"],
      })),
    ),
    killedBy: "tuning/VERSION tells every version of the specification",
  },
  {
    name: "prints its versions under another key",
    plugin: "tuning",
    mutation: only(
      "VERSION",
      otherResult(({ supportedVersions, ...result }) => ({ ...result, versions: supportedVersions })),
    ),
    killedBy: "tuning/VERSION tells every version of the specification",
  },
  {
    name: "takes any container ID",
    plugin: "host-local",
    mutation: otherEnv((env) => {
      const id = env["CNI_CONTAINERID"] ?? "";
      return id === "" || /^[a-zA-Z0-9][\w.-]*$/.test(id) ? env : { ...env, CNI_CONTAINERID: "any" };
    }),
    killedBy: "protocol/host-local refuses container IDs and interface names that break the rules",
  },
  {
    name: "takes what is not JSON",
    plugin: "portmap",
    mutation: { answer: (answer) => (answer.stdout.includes('"code": 6') ? silence : answer) },
    killedBy: "bad input/portmap: documents that are none, for DEL",
  },
  {
    name: "takes every version",
    plugin: "loopback",
    mutation: otherConfig((config) => ({ ...config, cniVersion: "1.0.0" })),
    killedBy: "protocol/loopback refuses versions that it does not have, with code 1",
  },
  {
    name: "hangs when the namespace is gone",
    plugin: "loopback",
    mutation: only("DEL", {
      instead: ({ env }) => {
        if (!env["CNI_NETNS"]) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        return undefined;
      },
    }),
    killedBy: "protocol/loopback deletes everything without namespace and without result",
    limitSeconds: 10,
  },
  {
    name: "fails on DEL when the namespace is gone",
    plugin: "tuning",
    mutation: only("DEL", {
      instead: ({ env }) =>
        env["CNI_NETNS"]
          ? undefined
          : { status: 1, stdout: '{"code": 3, "msg": "no namespace"}', stderr: "" },
    }),
    killedBy: "protocol/tuning deletes everything without namespace and without result",
  },
  {
    name: "answers GC with an error",
    plugin: "host-local",
    mutation: only("GC", {
      instead: () => ({ status: 1, stdout: '{"code": 4, "msg": "unknown GC"}', stderr: "" }),
    }),
    killedBy: "host-local/GC without a list frees nothing, and GC of an unused network makes nothing",
  },
  {
    name: "always uses eth0",
    plugin: "bridge",
    mutation: otherEnv((env) => (env["CNI_IFNAME"] === undefined ? env : { ...env, CNI_IFNAME: "eth0" })),
    killedBy: "bridge/the interface has the name that was asked for, up to 15 bytes",
  },
  // host-local
  {
    name: "forgets the lease it gave",
    plugin: "host-local",
    mutation: only("ADD", afterwards(`find ${leaseFiles} -type f -name *.*.* -delete`)),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
  },
  {
    name: "keeps the lease after DEL",
    plugin: "host-local",
    mutation: only("DEL", nothingDone),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
  },
  {
    name: "gives every container the same address",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({
        ...result,
        ips: each(result["ips"], (ip) => ({
          ...ip,
          address: String(ip["address"]).replace(/\.\d+\//, ".2/"),
        })),
      })),
    ),
    killedBy: "host-local/goes round: a released address rests until all others were given out",
  },
  {
    name: "does not give the gateway",
    plugin: "host-local",
    mutation: only(
      "ADD",
      otherResult((result) => ({ ...result, ips: each(result["ips"], (ip) => omit(ip, "gateway")) })),
    ),
    killedBy: "host-local/gives out the first address behind the gateway's, CHECK finds it, DEL frees it",
  },
  {
    name: "collects nothing",
    plugin: "host-local",
    mutation: only("GC", nothingDone),
    killedBy: "host-local/GC frees what is not listed, and nothing else",
  },
  {
    name: "collects everything",
    plugin: "host-local",
    mutation: only(
      "GC",
      otherConfig((config) => ({ ...config, "cni.dev/valid-attachments": [] })),
    ),
    killedBy: "host-local/GC looks at the interface too, and an empty list frees everything",
  },
  {
    name: "finds nothing wrong with a lost lease",
    plugin: "host-local",
    mutation: only("CHECK", nothingDone),
    killedBy: "host-local/CHECK fails without a lease, and changes nothing",
  },
  {
    name: "begins a range at its subnet's start",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "rangeStart"))),
    killedBy:
      "host-local/rangeStart and rangeEnd bound the range, both included, and the gateway is left out",
  },
  {
    name: "does not know routes",
    plugin: "host-local",
    mutation: otherConfig((config) => inside(config, "ipam", (ipam) => omit(ipam, "routes"))),
    killedBy: "host-local/routes of the configuration are in the result, each with its family before 0.3.0",
  },
  // bridge
  {
    name: "forgets the default route",
    plugin: "bridge",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip route del default")),
    killedBy: "bridge/IPv4: the container has an address, a default route and its gateway on the bridge",
  },
  {
    name: "forgets to attach the port",
    plugin: "bridge",
    mutation: only("ADD", afterwards("ip link set $PORT nomaster")),
    killedBy: "bridge/layer 2: packets pass between containers that address themselves",
  },
  {
    name: "does not know mtu",
    plugin: "bridge",
    mutation: without("mtu"),
    killedBy: "bridge/mtu: of a new bridge, its port and the container's end",
  },
  {
    name: "does not know hairpinMode",
    plugin: "bridge",
    mutation: without("hairpinMode"),
    killedBy: "bridge/hairpinMode is set on the port",
  },
  {
    name: "does not masquerade",
    plugin: "bridge",
    mutation: without("ipMasq"),
    killedBy: "bridge/ipMasq with iptables: another network of the host sees the gateway's address",
  },
  {
    name: "leaves a masquerade rule",
    plugin: "bridge",
    mutation: only("DEL", afterwards("iptables -t nat -A POSTROUTING -s 10.1.2.2 -j MASQUERADE")),
    killedBy: "bridge/ipMasq with iptables: DEL without a namespace removes the rules",
  },
  {
    name: "does not tell its IPAM plugin of DEL",
    plugin: "bridge",
    mutation: only("DEL", without("ipam")),
    killedBy: "bridge/DEL without CNI_NETNS in the environment",
  },
  {
    name: "finds no damage",
    plugin: "bridge",
    mutation: only("CHECK", nothingDone),
    killedBy: "bridge/CHECK says that the container's interface is gone",
  },
  {
    name: "reports its links in another order",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => {
        const links = result["interfaces"];
        return Array.isArray(links) ? { ...result, interfaces: links.toReversed() } : result;
      }),
    ),
    killedBy: "bridge/IPv4: the container has an address, a default route and its gateway on the bridge",
  },
  {
    name: "leaves a link behind",
    plugin: "bridge",
    mutation: only("ADD", afterwards("ip link add leak0 type veth peer name leak1")),
    killedBy: "bridge/the result tells the true hardware addresses",
  },
  {
    name: "drops the dns settings",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => omit(result, "dns")),
    ),
    killedBy: "bridge/layer 2 has the name servers of `dns`",
  },
  {
    name: "ignores the hardware address asked for",
    plugin: "bridge",
    mutation: {
      request: (request) =>
        otherConfig((config) => inside(config, "runtimeConfig", (runtime) => omit(runtime, "mac"))).request?.(
          {
            ...request,
            env: omitVariable(request.env, "CNI_ARGS"),
          },
        ) ?? request,
    },
    killedBy: "bridge/the MAC of CNI_ARGS",
  },
  // portmap
  {
    name: "publishes on every address",
    plugin: "portmap",
    mutation: eachMapping((mapping) => omit(mapping, "hostIP")),
    killedBy:
      "portmap-packets/iptables: hostIP 0.0.0.0 is IPv4 only, :: is IPv6 only, 127.0.0.1 is the host only",
  },
  {
    name: "publishes TCP only",
    plugin: "portmap",
    mutation: eachMapping((mapping) => ({ ...mapping, protocol: "tcp" })),
    killedBy: "portmap-rules/each protocol has its entry, in the order of names",
  },
  {
    name: "has no hairpin",
    plugin: "portmap",
    mutation: otherConfig((config) => ({ ...config, snat: false })),
    killedBy:
      "portmap-packets/iptables: a published port answers the world, the host, and the container itself",
  },
  {
    name: "leaves its rules",
    plugin: "portmap",
    mutation: only("DEL", nothingDone),
    killedBy: "portmap-life/iptables: DEL with no result removes everything",
  },
  {
    name: "finds no rule missing",
    plugin: "portmap",
    mutation: only("CHECK", nothingDone),
    killedBy: "portmap-life/iptables: CHECK finds that the jump from OUTPUT is missing",
  },
  {
    name: "takes forwarded traffic too",
    plugin: "portmap",
    mutation: only(
      "ADD",
      afterwards(
        "iptables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT",
        "ip6tables -t nat -A PREROUTING -p tcp --dport 8080 -j REDIRECT",
      ),
    ),
    killedBy: "portmap-packets/iptables: the same port of anybody else is left alone",
  },
  {
    name: "loses the result it was given",
    plugin: "portmap",
    mutation: only(
      "ADD",
      otherResult(({ cniVersion }) => ({ cniVersion })),
    ),
    killedBy: "protocol/portmap hands on the result of the plugins before it unchanged",
  },
  {
    name: "does not know conditionsV4",
    plugin: "portmap",
    mutation: without("conditionsV4"),
    killedBy: "portmap-packets/iptables: conditions decide for whom a port is published",
  },
  // firewall
  {
    name: "opens nothing",
    plugin: "firewall",
    mutation: only("ADD", {
      instead: ({ stdin }) => {
        const config: unknown = JSON.parse(stdin);
        const result = isObject(config) ? config["prevResult"] : undefined;
        return isObject(result) ? { status: 0, stdout: JSON.stringify(result), stderr: "" } : undefined;
      },
    }),
    killedBy:
      "firewall-packets/iptables: where FORWARD drops, a container's connections and their answers pass",
  },
  {
    name: "does not know ingressPolicy",
    plugin: "firewall",
    mutation: without("ingressPolicy"),
    killedBy: "firewall-packets/iptables: isolated keeps neighbours apart too, until they leave",
  },
  {
    name: "leaves its rules",
    plugin: "firewall",
    mutation: only("DEL", nothingDone),
    killedBy: "firewall-life/iptables: DEL with no result removes everything",
  },
  {
    name: "deletes every rule",
    plugin: "firewall",
    mutation: only("DEL", afterwards("iptables -F CNI-FORWARD")),
    killedBy: "protocol/firewall keeps attachments apart by container and interface",
  },
  // tuning
  {
    name: "does not set sysctls",
    plugin: "tuning",
    mutation: without("sysctl"),
    killedBy:
      "tuning/sysctls are set in the container and nowhere else, CHECK compares them, DEL leaves them",
  },
  {
    name: "does not restore what it changed",
    plugin: "tuning",
    mutation: only("DEL", nothingDone),
    killedBy: "tuning/DEL restores the originals also after a repeated ADD",
  },
  {
    name: "finds no setting changed",
    plugin: "tuning",
    mutation: only("CHECK", nothingDone),
    killedBy: "tuning/CHECK names a sysctl that somebody changed",
  },
  {
    name: "does not know mtu",
    plugin: "tuning",
    mutation: without("mtu"),
    killedBy: "tuning/mtu: set, checked, restored, in the configuration and in args.cni",
  },
  // loopback
  {
    name: "leaves lo down",
    plugin: "loopback",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip link set lo down")),
    killedBy: "loopback/brings lo up and reports its addresses",
  },
];

function omitVariable(env: Record<string, string>, name: string): Record<string, string> {
  const { [name]: _omitted, ...rest } = env;
  return rest;
}
