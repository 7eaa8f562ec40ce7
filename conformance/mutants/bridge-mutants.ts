import {
  afterwards,
  inside,
  type Mutant,
  nothingDone,
  omit,
  only,
  otherConfig,
  otherResult,
  without,
} from "./mutation.ts";

/** bridge with a mistake. */
export const bridgeMutants: readonly Mutant[] = [
  {
    name: "forgets the default route",
    plugin: "bridge",
    mutation: only("ADD", afterwards("nsenter --net=$NETNS ip route del default")),
    killedBy: "bridge/IPv4: the container has an address, a default route and its gateway on the bridge",
    reason: /^ip -j -4 route show default in c1: .*got \[\]$/,
  },
  {
    name: "forgets to attach the port",
    plugin: "bridge",
    mutation: only("ADD", afterwards("ip link set $PORT nomaster")),
    killedBy: "bridge/layer 2: packets pass between containers that address themselves",
    reason: /^ping from c1 to \S+ was not answered/,
  },
  {
    name: "does not know mtu",
    plugin: "bridge",
    mutation: without("mtu"),
    killedBy: "bridge/mtu: of a new bridge, its port and the container's end",
    reason: /mtu: expected 1400, got 1500/,
  },
  {
    name: "does not know hairpinMode",
    plugin: "bridge",
    mutation: without("hairpinMode"),
    killedBy: "bridge/hairpinMode is set on the port",
    reason: /hairpin: expected true, got false/,
  },
  {
    name: "does not masquerade",
    plugin: "bridge",
    mutation: without("ipMasq"),
    killedBy: "bridge/ipMasq with iptables: another network of the host sees the gateway's address",
    reason: /^tcp from c1 .* came from 10\.1\.2\.2, not from 10\.6\.0\.1/,
  },
  {
    name: "leaves a masquerade rule",
    plugin: "bridge",
    mutation: only("DEL", afterwards("iptables -t nat -A POSTROUTING -s 10.1.2.2 -j MASQUERADE")),
    killedBy: "bridge/ipMasq with iptables: DEL without a namespace removes the rules",
    reason: /^iptables-save: .*-j MASQUERADE" should not be there/,
  },
  {
    name: "does not tell its IPAM plugin of DEL",
    plugin: "bridge",
    mutation: only("DEL", without("ipam")),
    killedBy: "bridge/DEL without CNI_NETNS in the environment",
    reason: /\/10\.1\.2\.2 should not be there/,
  },
  {
    name: "finds no damage",
    plugin: "bridge",
    mutation: only("CHECK", nothingDone),
    killedBy: "bridge/CHECK says that the container's interface is gone",
    reason: /^CHECK bridge: it did not fail/,
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
    reason: /interfaces\[0\]\.name: expected "br0", got "eth0"/,
  },
  {
    name: "leaves a link behind",
    plugin: "bridge",
    mutation: only("ADD", afterwards("ip link add leak0 type veth peer name leak1")),
    killedBy: "bridge/the result tells the true hardware addresses",
    reason: /^left on the host after DEL:\nlinks: \+ leak0 /,
  },
  {
    name: "drops the dns settings",
    plugin: "bridge",
    mutation: only(
      "ADD",
      otherResult((result) => omit(result, "dns")),
    ),
    killedBy: "bridge/layer 2 has the name servers of `dns`",
    reason: /result\.dns: expected .*, got nothing/,
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
    reason: /address: expected "02:00:00:00:00:01", got "(?!02:00:00:00:00:01)/,
  },
];

function omitVariable(env: Record<string, string>, name: string): Record<string, string> {
  const { [name]: _omitted, ...rest } = env;
  return rest;
}
