import type { Difference } from "./difference.ts";

export const bridge: readonly Difference[] = [
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^error code$/,
    reason: "Each cause has a code of its own, where the Go plugin says 999 for all of them.",
    source: "SPEC, section 5, Error: well-known codes, and a plugin's own from 100",
  },
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^error text$/,
    reason: "The same refusal in other words: the cause first, then what to do.",
    source: "containernetworking/cni#817",
  },
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^files$/,
    text: /^[^\n]*(\n(ours|the other's) only: files: (\S*\/(\.host-local\/|last_reserved_ip\.|lock )|\/run\/cni\/(firewall\/|tuning\/\.)).*)+$/,
    reason:
      "host-local, firewall and tuning keep notes of what is whose; the leases themselves are the same.",
    source: "SPEC 1.1.0, section 2, DEL and GC: what is whose has to be known without the result",
  },
  {
    scenarios: /^(bridge|dual stack|chains|idempotence)\//,
    aspects: /^iptables$/,
    // With the Go firewall's rules of isolation, which have an entry of their own.
    text: /^[^\n]*(\n(ours only: iptables: nat -A CNI-[0-9a-f]{24} -d 255\.255\.255\.255\/32 .* -j ACCEPT|the other's only: iptables: filter -A CNI-ISOLATION-STAGE-.*))+$/,
    reason: "With br_netfilter the Go plugin's rules masquerade broadcasts between the ports of a bridge.",
    source: "Linux, br_netfilter: rules see what goes from port to port; RFC 919, limited broadcast",
  },
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^nft$/,
    reason:
      "Masquerading and MAC checks are elements of maps in tables of our own; the packets show the same.",
    source: "containernetworking/plugins#1139",
  },
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^(outcome|routes|addresses)$/,
    text: /ping from host to 2001:db8:5::|tcp from c1 to \[2001:db8:ffff::2\]:80 was not|type local dst [0-9a-f:]+::1 dev (br|cni)0/,
    reason:
      "The gateway's IPv6 address works at once; the Go plugin's is checked for duplicates for a second.",
    source: "containernetworking/plugins#680",
    sometimes: true,
  },
  {
    scenarios:
      /^(bridge|dual stack)\/(ADD fails|two addresses of a family|layer 2 is refused|a MAC that is none|another address on|IPv6: an address of an overlapping|enabledad: an address|an unknown ipMasqBackend|one family used up|a set of ranges|a bridge cannot|a failed ADD)/,
    aspects: /^outcome$/,
    text: /host is not as it was|left on the host|link show type bridge/,
    reason:
      "An ADD that fails takes back what it made; the Go plugin leaves bridge, links, addresses and rules.",
    source: "SPEC, section 3: what is left must not be in the way of the next ADD",
  },
  {
    scenarios: /^bridge\/layer 2: CHECK/,
    aspects: /^outcome$/,
    text: /no plugin name provided/,
    reason: "The Go plugin's CHECK always asks an IPAM plugin, which a layer 2 network does not have.",
    source: "SPEC, section 2, CHECK",
    only: "1.9.1",
  },
  {
    scenarios: /^bridge\/isDefaultGateway and a default route/,
    aspects: /^outcome$/,
    text: /file exists/,
    reason: "The Go plugin makes the default route twice.",
    source: "CNI plugins, bridge: isDefaultGateway",
  },
  {
    scenarios: /^bridge\/(CHECK finds a route in the table|mtu and advmss)/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin reports these keys of routes, but does not set mtu and advmss, nor look into tables.",
    source: "SPEC 1.1.0, section 5, routes",
  },
  {
    scenarios: /^bridge\/an mtu above/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "A container with a larger MTU than its bridge loses large packets without a word.",
    source: "containernetworking/cni#356",
  },
  {
    scenarios: /^bridge\/an address that comes back/,
    aspects: /^outcome$/,
    text: /neigh show/,
    reason: "The kernel's announcement comes before the port forwards; ours is sent after.",
    source: "containernetworking/plugins#858",
  },
  {
    scenarios:
      /^(bridge|chains)\/.*(DEL without a namespace|DEL after the namespace is gone|DEL after the interface was deleted|DEL comes late|another name)/,
    aspects: /^outcome$/,
    reason: "The Go plugin's DEL finds rules and links by what is in the namespace only.",
    source: "containernetworking/plugins#810, nerdctl#1872",
  },
  {
    scenarios: /^bridge\/ipMasq with .* switched off since/,
    aspects: /^outcome$/,
    reason:
      "Rules were made by what the configuration said then; the Go plugin's DEL goes by what it says now.",
    source: "SPEC 1.1.0, section 2, DEL",
  },
  {
    scenarios: /^bridge\/DEL with(out CNI_NETNS| the namespace)/,
    aspects: /^(links|c1 link|c1 route)$/,
    reason: "DEL without a usable CNI_NETNS removes the host's end too; the Go plugin only frees the lease.",
    source: "containernetworking/plugins#810",
  },
  {
    scenarios: /^bridge\/CHECK says that the container's interface is another link/,
    aspects: /^c1 link$/,
    reason: "DEL removes a link that the plugin made, the Go plugin any link of that name.",
    source:
      "SPEC 1.1.0, section 2, DEL: what this plugin made for the attachment, not what somebody else did",
  },
  {
    scenarios: /^bridge\/ipMasq with (iptables: two interfaces|several addresses)/,
    aspects: /^outcome$/,
    text: /CHAIN_DEL failed|Device or resource busy/,
    reason: "The Go plugin removes a container's chain while another of its rules still leads there.",
    source: "SPEC, section 2, DEL: must succeed",
  },
  {
    scenarios: /^bridge\/DEL forgets the connections/,
    aspects: /^outcome$/,
    reason: "The Go plugin leaves tracked connections, which then belong to the next container.",
    source: "containernetworking/plugins#1190",
  },
  {
    scenarios: /^bridge\/(ipMasq with .*CHECK says|CHECK says that the lease)/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "The Go plugins look neither for masquerading rules nor for every one of the leases.",
    source: "SPEC, section 2, CHECK",
  },
  {
    scenarios: /^bridge\/CHECK passes when udev/,
    aspects: /^outcome$/,
    reason: "The Go plugin refuses a container for a MAC that udev rewrites and no packet depends on.",
    source: "cri-o/cri-o#3437",
  },
  {
    scenarios: /^(bridge\/GC (removes|tells)|bridge\/macspoofchk: DEL without|chains\/.*(GC after|after GC))/,
    aspects: /^outcome$/,
    reason: "The Go plugins' GC does nothing.",
    source: "containernetworking/plugins#1047",
  },
  {
    scenarios: /^(bridge|dual stack|chains)\//,
    aspects: /^conntrack$/,
    reason: "DEL forgets the container's connections; with the Go plugins they belong to the next container.",
    source: "containernetworking/plugins#1190",
    sometimes: true,
  },
  {
    scenarios: /^chains\/nerdctl: serves/,
    aspects: /^iptables$/,
    text: /^[^\n]*(\nthe other's only: iptables: filter -A CNI-ISOLATION-STAGE-[12] .*)+$/,
    reason:
      "The last DEL of a bridge takes its isolation rules along, where the Go plugin keeps them for ever.",
    source:
      "SPEC 1.1.0, section 2, DEL: an attachment's resources are released; containernetworking/plugins#683",
  },
  {
    scenarios: /^bridge\/STATUS: another link/,
    aspects: /^outcome$/,
    reason: "The Go plugin's STATUS asks the IPAM plugin and looks at nothing itself.",
    source: "SPEC 1.1.0, section 2, STATUS",
  },
  {
    scenarios: /^bridge\/vlan that vlanTrunk lists too/,
    aspects: /^outcome$/,
    text: /vlans\[0\]\.flags: expected \["PVID","Egress Untagged"\], got nothing/,
    reason:
      "vlan is the native VLAN of a trunk; the Go plugin adds it once more as a tagged one, which ends that.",
    source: "containernetworking/plugins PR#1180",
  },
  {
    scenarios: /^bridge\/a bridge that does not filter is refused/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "On a bridge that does not filter, a VLAN keeps nobody apart; the Go plugin says nothing.",
    source: "containernetworking/plugins PR#231, PR#863",
  },
  {
    scenarios: /^bridge\/a failed ADD takes the VLAN's gateway back/,
    aspects: /^outcome$/,
    text: /ip -j link: .*"ifname":"br0"/,
    reason:
      "An ADD that fails takes back what it made; the Go plugin leaves the bridge and the gateway's link.",
    source: "SPEC, section 3: what is left must not be in the way of the next ADD",
  },
];
