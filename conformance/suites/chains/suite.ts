import type { JsonObject } from "../../harness/host/json.ts";
import type { ChainStep, Need, Scenario, Step, Suite } from "../../scenario/scenario.ts";
import { containerd, type EmbeddedList, kubernetes, nerdctl, oldConf, podman } from "./conflists.ts";

/** How a list is used, and what its users see. */
type Use = {
  list: EmbeddedList;
  what: string;
  needs: readonly Need[];
  /** What the runtime has for the capabilities. */
  capabilityArgs?: JsonObject;
  /** The first container's addresses, and its gateway. */
  addresses: readonly string[];
  gateway: string;
  /** A published port is reached from the container itself. */
  hairpin?: true;
  /** Where the leases are. */
  leases: string;
};

const published = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };

const uses: readonly Use[] = [
  {
    list: nerdctl,
    what: "nerdctl",
    needs: ["iptables"],
    capabilityArgs: published,
    addresses: ["10.4.0.2"],
    gateway: "10.4.0.1",
    hairpin: true,
    leases: "/var/lib/cni/networks/bridge",
  },
  {
    list: podman,
    what: "podman",
    needs: ["iptables"],
    capabilityArgs: published,
    addresses: ["10.89.0.2"],
    gateway: "10.89.0.1",
    hairpin: true,
    leases: "/var/lib/cni/networks/podman",
  },
  {
    list: containerd,
    what: "containerd, dual stack",
    needs: ["iptables"],
    capabilityArgs: published,
    addresses: ["10.88.0.2", "2001:db8:4860::2"],
    gateway: "10.88.0.1",
    leases: "/var/lib/cni/networks/containerd-net",
  },
  {
    list: kubernetes,
    what: "Kubernetes, nftables",
    needs: ["nftables"],
    capabilityArgs: {
      ...published,
      ipRanges: [[{ subnet: "10.244.1.0/24" }], [{ subnet: "fd00:10:244:1::/64" }]],
    },
    addresses: ["10.244.1.2", "fd00:10:244:1::2"],
    gateway: "10.244.1.1",
    hairpin: true,
    leases: "/var/lib/cni/networks/k8s-pod-network",
  },
  {
    list: oldConf,
    what: "the first manuals, spec 0.2.0",
    needs: ["iptables"],
    addresses: ["10.10.10.2"],
    gateway: "10.10.10.1",
    leases: "/run/ipam-state/mynet",
  },
];

/**
 * Connections that were translated are remembered for a while after the last packet. Tables, chains and rules which
 * name no address of a container may stay for those to come.
 */
const leaves = {
  conntrack: ["^(tcp|udp|icmp)"],
  nft: ["^(?!.*(10\\.4\\.|10\\.8[89]\\.|10\\.244\\.|10\\.10\\.|2001:db8:4860|fd00:10|8080))"],
};

type Command = ChainStep["chain"];

/** A step that calls the whole list for a container; only the first container publishes the port. */
function caller({ list, capabilityArgs }: Use) {
  return (chain: Command, container = "c1", more: Partial<ChainStep> = {}): Step => {
    const { portMappings: _port, ...others } = capabilityArgs ?? {};
    const given = container === "c1" ? capabilityArgs : others;
    return {
      chain,
      plugins: list.plugins,
      network: list.name,
      container,
      ...(given !== undefined && { capabilityArgs: given }),
      ...more,
    };
  };
}

function pageFrom(from: string, to: string, source?: string): Step {
  return {
    packet: "tcp",
    from,
    to,
    port: 8080,
    arrives: true,
    at: "c1",
    ...(source !== undefined && { source }),
  };
}

function nowhere(from: string, to: string): Step {
  return { packet: "tcp", from, to, port: 8080, arrives: false };
}

/** The page by the published port from everywhere, or by the container's own address where nothing is published. */
function served({ capabilityArgs, addresses, gateway, hairpin }: Use): Step[] {
  const direct = addresses.map(
    (to): Step => ({ packet: "tcp", from: "c2", to, port: 80, arrives: true, at: "c1" }),
  );
  if (capabilityArgs === undefined) return direct;
  const [, ipv6] = addresses;
  return [
    ...direct,
    pageFrom("host", "127.0.0.1", gateway),
    pageFrom("host", "192.0.2.1"),
    pageFrom("c2", "192.0.2.1"),
    ...(hairpin ? [pageFrom("c1", "192.0.2.1", gateway)] : []),
    pageFrom("outside", "192.0.2.1", "192.0.2.2"),
    ...(ipv6 === undefined ? [] : [pageFrom("outside", "2001:db8:ffff::1", "2001:db8:ffff::2")]),
  ];
}

const empty = (container: string): Step => ({
  look: ["ip", "-j", "link"],
  in: container,
  shows: [{ ifname: "lo" }],
});

function noLease({ leases, addresses }: Use): Step[] {
  return addresses.map((address): Step => ({ file: `${leases}/${address}`, is: null }));
}

function scenariosOf(use: Use): Scenario[] {
  const { list, what, needs } = use;
  const call = caller(use);
  const common = {
    plugin: "bridge",
    needs,
    leaves,
    source: `conformance/fixtures/conflists/${list.file}; SPEC, section 3`,
  } as const;
  return [
    {
      ...common,
      name: `${what}: serves a page, and all is removed`,
      versions: [list.cniVersion],
      outside: true,
      containers: ["c1", "c2"],
      steps: [
        call("ADD"),
        call("ADD", "c2"),
        { serve: "tcp", in: "c1", port: 80 },
        { serve: "tcp", in: "outside", port: 80 },
        ...served(use),
        {
          packet: "tcp",
          from: "c1",
          to: "192.0.2.2",
          port: 80,
          arrives: true,
          at: "outside",
          source: "192.0.2.1",
        },
        call("CHECK"),
        call("CHECK", "c2"),
        call("DEL"),
        empty("c1"),
        ...(use.capabilityArgs === undefined ? [] : [nowhere("host", "127.0.0.1")]),
        call("DEL"),
        call("CHECK", "c2"),
        call("DEL", "c2"),
        ...noLease(use),
      ],
    },
    {
      ...common,
      name: `${what}: DEL without a namespace`,
      versions: [list.cniVersion],
      steps: [
        call("ADD"),
        call("DEL", "c1", { netns: "" }),
        ...noLease(use),
        call("DEL", "c1", { netns: "" }),
      ],
    },
    {
      ...common,
      name: `${what}: DEL after the namespace is gone, without the cached result`,
      versions: [list.cniVersion],
      steps: [
        call("ADD"),
        { run: ["ip", "netns", "delete", "c1"] },
        call("DEL", "c1", { prevResult: "none" }),
        ...noLease(use),
        call("DEL", "c1", { prevResult: "none" }),
      ],
    },
    {
      ...common,
      name: `${what}: GC after a lost DEL`,
      versions: ["1.1.0"],
      outside: true,
      containers: ["c1", "c2"],
      steps: [
        call("ADD"),
        call("ADD", "c2"),
        { run: ["ip", "netns", "delete", "c1"] },
        call("GC", "c2", {
          config: { "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] },
        }),
        ...noLease(use),
        call("CHECK", "c2"),
        { rules: "ipv4", lacks: [{ $match: "8080" }] },
        { look: ["nft", "list", "ruleset"], shows: { $lacks: [{ $match: "8080" }] } },
        call("DEL", "c2"),
      ],
    },
    {
      ...common,
      name: `${what}: after GC of everything the container is attached again`,
      versions: ["1.1.0"],
      containers: ["c1"],
      steps: [
        call("STATUS"),
        call("ADD"),
        call("GC", "c1", { config: { "cni.dev/valid-attachments": [] } }),
        empty("c1"),
        call("ADD"),
        call("CHECK"),
      ],
    },
  ];
}

/** Configurations that people run, through all of their plugins. */
export const chains: Suite = { name: "chains", scenarios: uses.flatMap(scenariosOf) };
