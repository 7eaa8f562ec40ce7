import { isObject, type JsonObject } from "../harness/host/json.ts";
import {
  afterwards,
  each,
  inside,
  type Mutant,
  type Mutation,
  nothingDone,
  omit,
  only,
  otherConfig,
  otherResult,
  without,
} from "./mutation.ts";

const eachMapping = (change: (mapping: JsonObject) => JsonObject): Mutation =>
  otherConfig((config) =>
    inside(config, "runtimeConfig", (runtime) => ({
      ...runtime,
      portMappings: each(runtime["portMappings"], change),
    })),
  );

/** portmap, firewall, tuning and loopback with a mistake. */
export const chainedMutants: readonly Mutant[] = [
  // portmap
  {
    name: "publishes on every address",
    plugin: "portmap",
    mutation: eachMapping((mapping) => omit(mapping, "hostIP")),
    killedBy:
      "portmap-packets/iptables: hostIP 0.0.0.0 is IPv4 only, :: is IPv6 only, 127.0.0.1 is the host only",
    reason: /^tcp from outside to \S+ should not arrive, but was answered: c1/,
  },
  {
    name: "publishes TCP only",
    plugin: "portmap",
    mutation: eachMapping((mapping) => ({ ...mapping, protocol: "tcp" })),
    killedBy: "portmap-rules/each protocol has its entry, in the order of names",
    reason: /^iptables-save: .* is \S+ .*-p tcp .*--dport 5353 .*, not .*-p udp .*--dport 5353 /,
  },
  {
    name: "has no hairpin",
    plugin: "portmap",
    mutation: otherConfig((config) => ({ ...config, snat: false })),
    killedBy:
      "portmap-packets/iptables: a published port answers the world, the host, and the container itself",
    reason: /^tcp from c1 to 192\.0\.2\.1:8080 was not answered/,
  },
  {
    name: "leaves its rules",
    plugin: "portmap",
    mutation: only("DEL", nothingDone),
    killedBy: "portmap-life/iptables: DEL with no result removes everything",
    reason: /^the host is not as it was:\niptables: \+ nat -A CNI-DN-.*--dport 8080 /,
  },
  {
    name: "finds no rule missing",
    plugin: "portmap",
    mutation: only("CHECK", nothingDone),
    killedBy: "portmap-life/iptables: CHECK finds that the jump from OUTPUT is missing",
    reason: /^CHECK portmap: it did not fail/,
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
    reason: /^tcp from c1 to 192\.0\.2\.2:8080 was not answered/,
  },
  {
    name: "loses the result it was given",
    plugin: "portmap",
    mutation: only(
      "ADD",
      otherResult(({ cniVersion }) => ({ cniVersion })),
    ),
    killedBy: "protocol/portmap hands on the result of the plugins before it unchanged",
    reason: /result\.interfaces: expected .*, got nothing/,
  },
  {
    name: "does not know conditionsV4",
    plugin: "portmap",
    mutation: without("conditionsV4"),
    killedBy: "portmap-packets/iptables: conditions decide for whom a port is published",
    reason: /^tcp from outside to \S+ was answered by c1, not by host/,
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
    reason: /^tcp from c1 to 192\.0\.2\.2:80 was not answered/,
  },
  {
    name: "does not know ingressPolicy",
    plugin: "firewall",
    mutation: without("ingressPolicy"),
    killedBy: "firewall-packets/iptables: isolated keeps neighbours apart too, until they leave",
    reason: /^tcp from c1 to \S+ should not arrive, but was answered: c2/,
  },
  {
    name: "leaves its rules",
    plugin: "firewall",
    mutation: only("DEL", nothingDone),
    killedBy: "firewall-life/iptables: DEL with no result removes everything",
    reason: /^the host is not as it was:\niptables: \+ filter -A CNI-FORWARD .*-j ACCEPT/,
  },
  {
    name: "deletes every rule",
    plugin: "firewall",
    mutation: only("DEL", afterwards("iptables -F CNI-FORWARD")),
    killedBy: "protocol/firewall keeps attachments apart by container and interface",
    reason: /^CHECK firewall: it failed/,
  },
  // tuning
  {
    name: "does not set sysctls",
    plugin: "tuning",
    mutation: without("sysctl"),
    killedBy:
      "tuning/sysctls are set in the container and nowhere else, CHECK compares them, DEL leaves them",
    reason: /^cat \S+\/somaxconn in c1: .*expected "500"/,
  },
  {
    name: "does not restore what it changed",
    plugin: "tuning",
    mutation: only("DEL", nothingDone),
    killedBy: "tuning/DEL restores the originals also after a repeated ADD",
    reason: /address: expected "02:00:00:00:00:01", got "02:00:00:00:00:22"/,
  },
  {
    name: "finds no setting changed",
    plugin: "tuning",
    mutation: only("CHECK", nothingDone),
    killedBy: "tuning/CHECK names a sysctl that somebody changed",
    reason: /^CHECK tuning: it did not fail/,
  },
  {
    name: "does not know mtu",
    plugin: "tuning",
    mutation: without("mtu"),
    killedBy: "tuning/mtu: set, checked, restored, in the configuration and in args.cni",
    reason: /mtu: expected 1400, got 1500/,
  },
  // loopback
  {
    name: "leaves lo down",
    plugin: "loopback",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip link set lo down")),
    killedBy: "loopback/brings lo up and reports its addresses",
    reason: /flags: expected among others "UP"/,
  },
];
