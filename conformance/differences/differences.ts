import type { Difference } from "../cli/against.ts";

/**
 * Where these plugins differ from the Go plugins v1.10.0 and v1.9.1 on purpose, each with its reason and what justifies it.
 * `--against` fails for what is different and not here, and, when all scenarios are run, for what is here and not
 * different any more.
 */
export const differences: Difference[] = [
  // loopback
  {
    scenarios: /^loopback\/.*@0\./,
    aspects: /^outcome$/,
    text: /the result is none of version/,
    reason: "The Go plugin prints a result in the newest shape whatever version is asked for.",
    source: "SPEC, section 5: a result must be of the version of the configuration",
  },
  {
    scenarios: /^loopback\/a service address/,
    aspects: /^outcome$/,
    text: /non-loopback address/,
    reason: "Servers of a shared address carry it on lo; it is no reason to refuse the container.",
    source: "containernetworking/plugins, loopback: it allows 127.0.0.0/8 and ::1 only",
  },
  {
    scenarios: /^loopback\/CHECK notices that an address/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "The Go plugin's CHECK looks at the flag of lo only, not at the addresses that ADD reported.",
    source: "SPEC, section 2, CHECK: the result of ADD must still be true",
  },
  {
    scenarios: /^(loopback|host-local|tuning|idempotence)\//,
    aspects: /^error (code|text)$/,
    reason: "Each cause has a code of its own, where the Go plugins say 999; messages begin with the cause.",
    source:
      "SPEC, section 5, Error: well-known codes, and a plugin's own from 100; containernetworking/cni#817",
  },
  // bridge
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

  // host-local
  {
    scenarios: /^(host-local|tuning|idempotence)\//,
    aspects: /^files$/,
    text: /^[^\n]*(\n(ours only: files: \S*\/(\.host-local\/|cni\/firewall\/|cni\/tuning\/\.)|the other's only: files: \S*\/(last_reserved_ip\.|lock )).*)+$/,
    reason:
      "host-local, firewall and tuning keep a note of owners; a DEL, a CHECK and an ADD that fails leave no lock and cursor.",
    source: "SPEC 1.1.0, section 2, DEL and GC: what is whose has to be known without the result",
  },
  {
    scenarios: /^host-local\/an ADD that fails at the second set leases/,
    aspects: /^files$/,
    text: /last_reserved_ip/,
    reason: "An ADD that fails does not move the cursor of a set that it had served.",
    source: "SPEC, section 2, ADD; reference/host-local.md, 6.4",
  },
  {
    scenarios: /^(host-local|tuning|idempotence)\//,
    aspects: /^routes$/,
    text: /^[^\n]*(\nours only: routes: type local dst fd00:1::1 dev br0 .*)+$/,
    reason:
      "The gateway's IPv6 address works at once; the Go plugin's is checked for duplicates for a second.",
    source: "containernetworking/plugins#680",
    sometimes: true,
  },
  {
    scenarios: /^host-local\/below bridge: an attachment that fails/,
    aspects: /^outcome$/,
    text: /ip -j link in b/,
    reason: "The Go bridge leaves the interface in the container when there is no address for it.",
    source: "SPEC, section 2, ADD: what is left must not be in the way of the next ADD",
  },
  {
    scenarios: /^host-local\/a subnet of two addresses/,
    aspects: /^outcome$/,
    text: /too small to allocate from/,
    reason: "Subnets of one and two addresses have addresses to give out; the Go plugin refuses them.",
    source: "RFC 3021; RFC 6164; containernetworking/plugins#908",
  },
  {
    scenarios: /^host-local\/a range that starts at broadcast/,
    aspects: /^outcome$/,
    reason: "The Go plugin walks out of the subnet and gives out addresses of the next one.",
    source: "host-local manual: an address of the subnet; reference/host-local.md, 13 (10)",
  },
  {
    scenarios: /^host-local\/(a request that cannot be met|an ADD that fails at the second set frees)/,
    aspects: /^outcome$/,
    text: /should be there/,
    reason: "The Go plugin's failing ADD frees every lease of the container, that of a running one included.",
    source: "SPEC, section 2, ADD; reference/host-local.md, 6.4",
  },
  {
    scenarios: /^host-local\/a lease without interface stays/,
    aspects: /^outcome$/,
    text: /should be there/,
    reason: "With two range sets, the Go plugin's DEL also takes leases that may be another interface's.",
    source: "SPEC, section 2, DEL; reference/host-local.md, 5.3",
  },
  {
    scenarios: /^host-local\/a container whose ID is an address/,
    aspects: /^outcome$/,
    reason: "The Go plugin takes last_reserved_ip.0 for a lease of this container, and DEL removes it.",
    source: "SPEC 1.1.0, section 2, DEL: only the attachment's own; reference/host-local.md, 13 (20)",
  },
  {
    scenarios: /^host-local\/an empty lease file/,
    aspects: /^outcome$/,
    text: /no IP addresses available/,
    reason: "The Go plugin never gives out an address again whose lease a crash left empty.",
    source: "containernetworking/plugins#498",
  },
  {
    scenarios: /^host-local\/a directory that is a symbolic link/,
    aspects: /^outcome$/,
    text: /Failed to find address/,
    reason: "The Go plugin finds no lease in such a directory.",
    source: "SPEC 1.1.0, section 2, DEL: as much as possible is cleaned up; reference/host-local.md, 5.2",
  },
  {
    scenarios: /^host-local\/CHECK notices that the address in use/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "Any lease of the container is enough for the Go plugin's CHECK, whatever address is in use.",
    source: "SPEC, section 2, CHECK",
  },
  {
    scenarios: /^host-local\/CHECK and DEL of a network that was never used/,
    aspects: /^outcome$/,
    reason: "The Go plugin's CHECK and DEL make the directory.",
    source: "SPEC, section 2, CHECK and DEL",
  },
  {
    scenarios: /^host-local\/DEL frees the address also/,
    aspects: /^outcome$/,
    text: /DEL host-local .*it failed/,
    reason: "The Go plugin's DEL fails for keys that it does not need, and the lease stays.",
    source: "SPEC, section 2, DEL: should generally complete without error",
  },
  {
    scenarios: /^host-local\/what a read-only file system keeps/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "The Go plugin's DEL says that a lease is gone which it could not remove.",
    source: "SPEC, section 2, DEL; reference/host-local.md, 14",
  },
  {
    scenarios: /^host-local\/GC (frees|looks)/,
    aspects: /^outcome$/,
    reason: "The Go plugin's GC does nothing.",
    source: "containernetworking/plugins#1047",
    only: "1.9.1",
  },
  {
    scenarios: /^host-local\/GC frees/,
    aspects: /^outcome$/,
    text: /README/,
    reason: "The Go plugin's GC removes every file of the directory, also those that are no leases.",
    source:
      "SPEC 1.1.0, section 2, GC: what is not known to be an attachment's is not the plugin's to remove",
    only: "1.10.0",
  },
  {
    scenarios: /^host-local\/GC without a list/,
    aspects: /^outcome$/,
    text: /the host is not as it was|should be there/,
    reason:
      "The Go plugin takes no list for an empty one and releases all leases, and its GC makes the directory.",
    source: "cnitool gc sends no list: nobody knows then who lives",
    only: "1.10.0",
  },
  {
    scenarios: /^host-local\/a gateway outside the range/,
    aspects: /^outcome$/,
    text: /gateway 10\.9\.0\.1 not in network/,
    reason:
      "A gateway beyond the subnet works with a route to it; what one release accepts, the next should not refuse.",
    source: "containernetworking/plugins#236: the same check was taken out in 2018, for such gateways",
    only: "1.10.0",
  },
  {
    scenarios: /^host-local\/STATUS (fails|says)/,
    aspects: /^outcome$/,
    text: /STATUS host-local: it did not fail/,
    reason: "The Go plugin's STATUS does nothing.",
    source: "SPEC 1.1.0, section 2, STATUS; containernetworking/plugins#1047",
  },

  // portmap
  {
    scenarios: /^portmap-(packets|life)\//,
    aspects: /^(files|routes|links|addresses)$/,
    sometimes: true,
    reason: "What the bridge and host-local plugins before it have made; see theirs.",
    source:
      "the entries of bridge and host-local above: conformance/suites/portmap/settings.ts attaches by both",
  },
  {
    scenarios: /^portmap-(packets|life)\//,
    aspects: /^conntrack$/,
    sometimes: true,
    reason:
      "The ports of clients differ in every run; and DEL of the Go plugin leaves the connections to the container.",
    source: "CNI plugins issue 123: stale conntrack entries of a hostPort",
  },
  {
    scenarios: /^(portmap-(packets|life|rules)|idempotence)\//,
    aspects: /^nft$/,
    text: /cni_localhost/,
    sometimes: true,
    reason:
      "route_localnet opens the host's 127.0.0.1 to neighbours on the bridge: what they send there is dropped.",
    source: "CVE-2020-8558; kernel, ip-sysctl, route_localnet",
  },
  {
    scenarios: /^portmap-(packets|life)\/(nftables|without)/,
    aspects: /^nft$/,
    reason: "A table of maps in place of a rule for each port: a DEL or CHECK need not list them all.",
    source: "containernetworking/plugins#510: calls that take longer with every container; nft(8), maps",
  },
  {
    scenarios: /^portmap-life\//,
    aspects: /^error (code|text)$/,
    reason: "Codes of the specification and a sentence of what to do; the Go plugin has 999 for everything.",
    source: "SPEC 1.1.0, section 5, Error",
  },
  {
    scenarios: /^portmap-life\/\w+: DEL with (the result alone|nothing but names|no mappings|mappings that)/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin's DEL removes nothing without mappings, and fails for those that it does not like.",
    source: "SPEC 1.1.0, section 2, DEL; CNI plugins issue 683",
  },
  {
    scenarios: /^portmap-life\/\w+: DEL with the other backend/,
    aspects: /^outcome$/,
    reason: "The Go plugin's DEL looks into one backend only, whichever ADD has used.",
    source: "SPEC 1.1.0, section 2, DEL",
  },
  {
    scenarios: /^portmap-life\/\w+: GC/,
    aspects: /^outcome$/,
    reason: "The Go plugin's GC does nothing.",
    source: "SPEC 1.1.0, section 2, GC",
  },
  {
    scenarios: /^portmap-life\/\w+: a port (of a live container|is taken over)/,
    aspects: /^outcome$/,
    reason:
      "In the Go plugin a port has no holder: the first rule wins in silence, also of a container long gone.",
    source: "nerdctl issues 2179 and 2699",
  },
  {
    scenarios: /^portmap-life\/\w+: ADD and DEL forget/,
    aspects: /^outcome$/,
    reason: "The Go plugin ends connections to the same port of other hosts too, and none on DEL.",
    source: "CNI plugins issues 123 and 1190",
  },
  {
    scenarios: /^portmap-life\/\w+: only the way to the container/,
    aspects: /^outcome$/,
    reason: "The Go plugin opens the uplink for 127.0.0.1 when the container is behind a router.",
    source: "kernel, ip-sysctl, route_localnet; CVE-2020-8558",
  },
  {
    scenarios:
      /^portmap-life\/iptables: ADD refuses (a condition|a host port above|a hostIP|a mark chain|a protocol|no protocol)/,
    aspects: /^outcome$/,
    text: /the host is not as it was/,
    reason: "The Go plugin's failed ADD leaves the chains that it has made until then.",
    source: "SPEC 1.1.0, section 2, ADD",
  },
  {
    scenarios: /^portmap-life\/iptables: CHECK finds that the jump/,
    aspects: /^outcome$/,
    reason: "The Go plugin's CHECK does not look at the jumps, without which no port is published.",
    source: "SPEC 1.1.0, section 2, CHECK",
  },
  {
    scenarios: /^portmap-life\/nftables: ADD refuses (a hostIP|a condition that)/,
    aspects: /^outcome$/,
    text: /the host is not as it was/,
    reason: "The Go plugin's ADD that fails for IPv6 leaves what it has made for IPv4.",
    source: "SPEC 1.1.0, section 2, ADD",
  },
  {
    scenarios: /^portmap-life\/nftables: CHECK finds other ports/,
    aspects: /^outcome$/,
    reason: "The Go plugin's CHECK counts the container's nftables rules, and reads none.",
    source: "SPEC 1.1.0, section 2, CHECK",
  },
  {
    scenarios: /^portmap-life\/iptables: a late DEL/,
    aspects: /^(iptables|ip6tables)$/,
    reason:
      "An address and a port have one owner: an ADD for the next one removes the rules of the one before.",
    source: "SPEC 1.1.0, section 2, DEL: only the attachment's own; containernetworking/plugins#683",
  },
  {
    scenarios: /^portmap-packets\//,
    aspects: /^outcome$/,
    text: /came from 2001:db8:ffff::1, not from fd00:22::1/,
    reason:
      "The gateway's IPv6 address works at once; the Go bridge's is checked for duplicates for a second, and packets are masqueraded by another one until then.",
    source: "containernetworking/plugins#680",
    sometimes: true,
  },
  {
    scenarios: /^portmap-packets\/(iptables|nftables): a container with another address/,
    aspects: /^outcome$/,
    reason: "The Go plugin puts the new rule behind the old one, which wins.",
    source: "SPEC 1.1.0, section 2, ADD",
  },
  {
    scenarios: /^portmap-packets\/nftables: a neighbour on the bridge .* 0@/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin masquerades the container's own address only, so answers to neighbours go past the host.",
    source: "its iptables backend masquerades the whole subnet",
  },
  {
    scenarios: /^portmap-packets\/nftables: masqAll/,
    aspects: /^outcome$/,
    reason: "The Go plugin's nftables backend passes over masqAll in silence.",
    source: "CNI plugins, portmap, masqAll",
    only: "1.9.1",
  },
  {
    scenarios: /^portmap-packets\/nftables: a service of others/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin's nftables chains have the priority of everybody else's, and the first one registered wins.",
    source: "CNI plugins pull request 269 (CVE-2019-9946)",
  },
  {
    scenarios: /^portmap-packets\/nftables: two networks on one container/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin's nftables rules tell the container only: DEL of one network ends the other's too.",
    source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
  },

  // firewall
  {
    scenarios: /^firewall-/,
    aspects: /^(files|routes|links|addresses)$/,
    sometimes: true,
    reason:
      "A record of who has which address, for a DEL that knows less; and what the bridge plugin before it has made.",
    source: "SPEC 1.1.0, section 2, DEL: prevResult is optional; plugins/firewall/README.md, Records",
  },
  {
    scenarios: /^firewall-packets\//,
    aspects: /^conntrack$/,
    sometimes: true,
    reason: "The ports of clients differ in every run.",
    source: "Linux, ip_local_port_range: clients' ports are chosen by chance",
  },
  {
    scenarios: /^firewall-(life|packets|rules)\//,
    aspects: /^nft$/,
    text: /"family":"bridge".*cni_firewall|cni_firewall.*"family":"bridge"/,
    sometimes: true,
    reason: "iptables alone sees neither frames with a VLAN tag nor IPv6 where the network has none.",
    source: "kernel, ip-sysctl, bridge-nf-filter-vlan-tagged",
  },
  {
    scenarios: /^firewall-(life|packets)\/nftables/,
    aspects: /^(nft|iptables|ip6tables)$/,
    reason: "The Go plugin has no such backend: the name means detection there, and iptables is found.",
    source: "CNI plugins pull request 462, which was never merged",
  },
  {
    scenarios: /^firewall-/,
    aspects: /^(iptables|ip6tables)$/,
    text: /CNI-ISOLATION/,
    reason: "The Go plugin never removes isolation, also when the last container of the bridge has left.",
    source: "SPEC 1.1.0, section 2, DEL: resources are released",
  },
  {
    scenarios: /^firewall-life\//,
    aspects: /^error (code|text)$/,
    reason: "Codes of the specification and a sentence of what to do; the Go plugin has 999 for everything.",
    source: "SPEC 1.1.0, section 5, Error",
  },
  {
    scenarios: /^firewall-life\/\w+: (DEL with (no result|nothing but names)|two networks)/,
    aspects: /^outcome$/,
    reason: "Without a result the Go plugin removes nothing.",
    source: "SPEC 1.1.0, section 2, DEL: prevResult is optional for a runtime whose cache is gone",
  },
  {
    scenarios: /^firewall-life\/\w+: DEL with a configuration that ADD would refuse/,
    aspects: /^outcome$/,
    reason: "The Go plugin's DEL fails on an unknown ingressPolicy, after it has removed the rules.",
    source: "SPEC 1.1.0, section 2, DEL",
  },
  {
    scenarios: /^firewall-life\/\w+: a late DEL/,
    aspects: /^outcome$/,
    reason: "For the Go plugin an address has no owner: a late DEL cuts off the next container.",
    source: "SPEC 1.1.0, section 2, DEL: an attachment is network, container and interface",
  },
  {
    scenarios: /^firewall-life\/\w+: GC/,
    aspects: /^outcome$/,
    reason: "The Go plugin's GC does nothing.",
    source: "SPEC 1.1.0, section 2, GC",
  },
  {
    scenarios: /^firewall-life\/\w+: CHECK finds/,
    aspects: /^outcome$/,
    text: /CNI-FORWARD/,
    reason: "The Go plugin's CHECK makes chains that are missing.",
    source: "SPEC 1.1.0, section 2, CHECK: asks only whether things are as expected",
  },
  {
    scenarios: /^firewall-life\/\w+: ADD refuses (a policy|an admin chain|an unknown)/,
    aspects: /^outcome$/,
    text: /the host is not as it was/,
    reason: "The Go plugin's failed ADD leaves the rules that it has made until then.",
    source: "SPEC 1.1.0, section 2, ADD: what fails has to be undone by DEL at the latest, which fails too",
  },
  {
    scenarios: /^firewall-packets\/iptables: isolation is not bypassed/,
    aspects: /^outcome$/,
    reason: "The Go plugin puts a lost jump back above isolation, which lets everything through.",
    source: "firewalld issue 779: a reload drops rules",
  },
  {
    scenarios: /^firewall-life\/iptables: every instance/,
    aspects: /^outcome$/,
    reason: "The Go plugin removes one instance; its own parallel ADDs make several.",
    source: "SPEC 1.1.0, section 2, DEL",
  },
  {
    scenarios: /^firewall-packets\/\w+: (same-bridge|isolated keeps|a bridge has the policy)/,
    aspects: /^outcome$/,
    reason:
      "The Go plugin never removes isolation, nor an earlier policy; and its isolated needs br_netfilter, whatever the backend is called.",
    source: "SPEC 1.1.0, section 2, DEL; CNI plugins pull request 584",
  },

  // tuning
  {
    scenarios: /^tuning\/GC changes no container/,
    aspects: /^outcome$/,
    text: /c1_eth0\.json should not be there/,
    reason: "The Go plugin's GC does nothing.",
    source: "SPEC, section 2, GC",
  },
  {
    scenarios: /^tuning\/(a setting that the kernel refuses|a sysctl that is refused)/,
    aspects: /^outcome$/,
    text: /should not be there|got "500"|expected "?\w/,
    reason:
      "The Go plugin leaves what it had changed before the failure, and the file with the old settings.",
    source: "SPEC, section 2, ADD: what is left must not be in the way; reference/tuning.md, 2",
  },
  {
    scenarios: /^tuning\/the result tells the new MTU/,
    aspects: /^outcome$/,
    text: /expected 1400, got 1500/,
    reason: "The Go plugin reports the MTU from before.",
    source: "SPEC 1.1.0, section 5, Success: mtu of interfaces",
  },
  {
    scenarios: /^tuning\/(a MAC may be written|CHECK of a container whose packets|CHECK compares numbers)/,
    aspects: /^outcome$/,
    text: /CHECK tuning: it failed/,
    reason:
      "The Go plugin's CHECK compares texts, and flags that nobody configured: it fails what its ADD made.",
    source: "SPEC, section 2, CHECK: an error only when the container is not as ADD left it",
  },
  {
    scenarios: /^tuning\/a MAC longer/,
    aspects: /^outcome$/,
    text: /did not fail/,
    reason: "The kernel takes the first six bytes; the result of the Go plugin tells all eight.",
    source: "SPEC, section 5, Success: mac",
  },
  {
    scenarios: /^tuning\/DEL restores the originals also/,
    aspects: /^outcome$/,
    reason: "The Go plugin's second ADD saves the values of the first as the originals.",
    source: "SPEC, section 2, DEL",
  },
  {
    scenarios: /^tuning\/DEL needs neither/,
    aspects: /^outcome$/,
    text: /DEL tuning: it failed/,
    reason: "The Go plugin's DEL fails for keys that it does not need.",
    source: "SPEC, section 2, DEL: should generally complete without error",
  },
  {
    scenarios: /^tuning\/(DEL without the interface|CHECK notices that the interface is gone)/,
    aspects: /^(outcome|files)$/,
    text: /c1_eth0\.json/,
    reason: "The Go plugin's file stays when interface or namespace is gone.",
    source: "SPEC, section 2, DEL; reference/tuning.md, 12",
  },
  {
    scenarios: /^tuning\/a dot in a name/,
    aspects: /^outcome$/,
    text: /no such file/,
    reason: "The Go plugin reads every dot as a slash, so keys cannot name an interface with a dot.",
    source: "sysctl(8); containernetworking/plugins#779",
  },
  {
    scenarios: /^tuning\/args\.cni\.sysctl needs no/,
    aspects: /^outcome$/,
    text: /panic/,
    reason: "The Go plugin crashes.",
    source: 'CONVENTIONS, "args"',
  },
  {
    scenarios: /^tuning\/comments in the allow-list/,
    aspects: /^outcome$/,
    text: /error parsing regexp/,
    reason: "The Go plugin has no comments: it takes such lines for patterns.",
    source: "plugins/tuning/README.md, allow-list: a file that administrators write by hand",
  },
  {
    scenarios: /^tuning\/STATUS tells/,
    aspects: /^outcome$/,
    text: /STATUS tuning: it did not fail/,
    reason: "The Go plugin's STATUS does nothing.",
    source: "SPEC 1.1.0, section 2, STATUS",
  },

  // idempotence
  {
    scenarios: /^idempotence\/.*: GC keeps/,
    aspects: /^(files|links|ip6?tables|c1 (link|route))$/,
    text: /the other's only/,
    reason: "The Go plugins' GC does nothing.",
    source: "containernetworking/plugins#1047",
  },
  {
    scenarios: /^idempotence\/(bridge|tuning|a list of all): DEL after the namespace vanished/,
    aspects: /^outcome$/,
    text: /-j MASQUERADE|c1_eth0\.json/,
    reason: "The Go bridge's masquerading rules and the Go tuning's file stay when the namespace is gone.",
    source: "SPEC, section 2, DEL; containernetworking/plugins#810",
  },
  {
    scenarios: /^idempotence\/tuning: a second ADD/,
    aspects: /^outcome$/,
    text: /c1_eth0\.json/,
    reason: "The Go plugin's second ADD saves the values of the first as the originals.",
    source: "SPEC, section 2, DEL",
  },
  {
    scenarios: /^idempotence\/(bridge|a list of all)/,
    aspects: /^outcome$/,
    text: /host is not as it was:\nroutes: \+ type local dst fd00:1::1/,
    reason:
      "The gateway's IPv6 address works at once; the Go plugin's is checked for duplicates for a second.",
    source: "containernetworking/plugins#680",
    sometimes: true,
  },

  // protocol, bad input
  {
    scenarios: /^protocol\/loopback adds/,
    aspects: /^outcome$/,
    text: /the result is none of version/,
    reason: "The Go plugin prints a result in the newest shape whatever version is asked for.",
    source: "SPEC, section 5: a result must be of the version of the configuration",
  },
  {
    scenarios: /^protocol\/.* (needs the result for CHECK|refuses to be the first of a list)@/,
    aspects: /^outcome$/,
    text: /the error's code is 999, not 7/,
    reason: "The Go plugins report whatever they cannot work with with the code 999.",
    source: "SPEC 1.1.0, section 5, Error: code 7 for an invalid configuration",
  },
  {
    scenarios: /^protocol\/firewall deletes everything without namespace and without result/,
    aspects: /^outcome$/,
    text: /the host is not as it was/,
    reason:
      "The Go firewall finds its rules only by the addresses of the result, and leaves them without it.",
    source: "SPEC 1.1.0, section 2, DEL: prevResult is optional, as much as possible is cleaned up",
  },
  {
    scenarios:
      /^protocol\/((bridge|host-local|portmap|firewall) collects what|.* refuses a list of attachments|GC and STATUS)/,
    aspects: /^outcome$/,
    text: /the host is not as it was|it did not fail|expected "STATUS\\nGC/,
    reason:
      "GC of the Go plugins does nothing: it does not read the list, collects nothing, and calls no delegate.",
    source: "SPEC 1.1.0, section 2, GC",
  },
  {
    scenarios: /^protocol\/host-local (looks at no parameter|collects what)/,
    aspects: /^outcome$/,
    text: /the host is not as it was|Failed to find address/,
    reason:
      "The Go plugin takes no list for an empty one and releases all leases, and its GC makes the directory.",
    source: "cnitool gc sends no list: nobody knows then who lives",
    only: "1.10.0",
  },
  {
    scenarios: /^protocol\/host-local refuses a list of attachments/,
    aspects: /^outcome$/,
    text: /the error's code is 999, not/,
    reason: "The Go plugins report whatever they do not understand in a configuration with the code 999.",
    source: "SPEC 1.1.0, section 5, Error: code 6 for what cannot be decoded",
    only: "1.10.0",
  },
  {
    scenarios:
      /^protocol\/(the delegate('s error is passed on| is (asked to delete|looked for))|a delegate that fails without)/,
    aspects: /^outcome$/,
    text: /the host is not as it was|peer provided \(.* already exists/,
    reason: "An ADD of the Go bridge that fails leaves the interfaces that it made, until DEL.",
    source: "SPEC 1.1.0, section 2, ADD; house rule: an ADD that fails half-way undoes what it did",
  },
  {
    scenarios: /^protocol\//,
    aspects: /^files$/,
    text: /^[^\n]*(\n(ours only: files: \S*\/(\.host-local\/|cni\/firewall\/|cni\/tuning\/\.)|the other's only: files: \S*\/(last_reserved_ip\.|lock )).*)+$/,
    reason:
      "host-local, firewall and tuning keep a note of owners; a DEL, a CHECK and an ADD that fails leave no lock and cursor.",
    source: "SPEC 1.1.0, section 2, DEL and GC: what is whose has to be known without the result",
  },
  {
    scenarios:
      /^protocol\/.*(notices by CHECK|is not ready when its IPAM|refuses an interface name|needs a namespace that is|reads one JSON object|refuses versions that)/,
    aspects: /^error (code|text)$/,
    reason: "The Go plugins have the code 999 for everything; the texts say the same in other words.",
    source: "SPEC 1.1.0, section 5, Error: codes from 100 on and texts are the plugin's own",
  },
  {
    scenarios: /^protocol\/bridge refuses an interface name/,
    aspects: /^links$/,
    text: /the other's only: links: br0 bridge/,
    reason:
      "The Go bridge has made its bridge before it looks whether the container's interface can be made.",
    source: "SPEC 1.1.0, section 2, ADD",
  },
  {
    scenarios: /^protocol\/bridge deletes everything without namespace/,
    aspects: /^links$/,
    text: /veth/,
    reason:
      "Without a namespace the Go bridge leaves the host's end of the pair to the kernel, which removes it in its own time.",
    source: "SPEC 1.1.0, section 2, DEL",
    sometimes: true,
  },
  {
    scenarios: /^bad input\//,
    aspects: /^outcome$/,
    text: /the error's code is 999, not/,
    reason: "The Go plugins report whatever they do not understand in a configuration with the code 999.",
    source:
      "SPEC 1.1.0, section 5, Error: codes 4, 6 and 7; each plugin must raise 7 for an invalid configuration",
  },
  {
    scenarios: /^bad input\//,
    aspects: /^error text$/,
    reason: "The same is said in other words, with the key and what to do.",
    source: "SPEC 1.1.0, section 5, Error: msg and details are free text",
  },
  {
    scenarios: /^bad input\/bridge: (keys|names)/,
    aspects: /^outcome$/,
    text: /a masquerade backend that there is not|an MTU (above|below)/,
    reason:
      "The Go bridge looks at ipMasqBackend only when there are addresses, and hands an MTU to the kernel, whose EINVAL does not tell what is wrong.",
    source: "SPEC 1.1.0, section 5, Error: code 7 for what does not pass validation",
  },
  {
    scenarios: /^bad input\/bridge: names/,
    aspects: /^outcome$/,
    text: /the bridge br0\\u0000|peer provided \(\\?"|the host is not as it was/,
    reason:
      "The Go bridge cuts a name at its NUL, and a failing ADD leaves the interface that it made, so that later ones fail over it.",
    source: "SPEC 1.1.0, section 2, ADD; containernetworking/plugins: an ADD that fails is left to DEL",
  },
  {
    scenarios: /^bad input\/portmap: ports/,
    aspects: /^outcome$/,
    text: /\((the protocol 6|the host IP [^)]*)\): it did not fail/,
    reason:
      "The Go portmap leaves out a mapping whose host address is none and says nothing, and hands protocols to iptables unseen.",
    source: "CONVENTIONS, portMappings: protocol is tcp, udp or sctp; hostIP is an address",
  },
  {
    scenarios: /^bad input\/portmap: results/,
    aspects: /^outcome$/,
    text: /no address\): it did not fail/,
    reason:
      "The Go plugins take an address that is missing, and hand it on as <nil>, which no JSON reader can use.",
    source: "SPEC 1.1.0, section 5, Success: ips[].address is an IP address in CIDR notation",
  },
  {
    scenarios: /^bad input\/tuning: sysctls/,
    aspects: /^outcome$/,
    text: /\((the MTU|txQLen) -?\d+\): (it did not fail|the error says nothing)/,
    reason:
      "The Go tuning lets numbers that netlink has no room for wrap around, and does not tell which key the kernel refused.",
    source: "SPEC 1.1.0, section 5, Error: code 7 for what does not pass validation",
  },

  // concurrency
  {
    scenarios: /^concurrency\//,
    aspects: /^(files|routes|links|addresses|nft|conntrack|iptables|ip6tables|c\d+ (link|route))$/,
    reason:
      "What the plugins make is compared with its reasons in their own suites; here only when the Go plugins get through.",
    source: "conformance/differences/differences.ts: bridge, portmap, firewall",
    sometimes: true,
  },
  {
    scenarios: /^concurrency\/DELs of the same container/,
    aspects: /^outcome$/,
    text: /DEL (bridge|portmap|firewall): it failed/,
    reason: "A DEL of the Go plugins fails when another one removes a rule between its look and its command.",
    source: "SPEC 1.1.0, section 2, DEL: must accept repeated calls",
    sometimes: true,
  },
  {
    scenarios: /^concurrency\/(50 containers come and go|shared chains are made once)/,
    aspects: /^outcome$/,
    text: /: it failed: \{|\btwice: /,
    reason:
      "ADDs of the Go plugins look first and then make chains one by one: those that come together fail, or make jumps twice.",
    source:
      "SPEC 1.1.0, section 3, Lifecycle & Ordering: parallel calls for different containers; containernetworking/plugins#510",
    sometimes: true,
  },

  // faults, killed
  {
    scenarios: /^faults\//,
    aspects: /^error (code|text)$/,
    reason: "Each cause has a code of its own, where the Go plugins say 999; messages name cause and errno.",
    source: "SPEC 1.1.0, section 5, Error: codes from 100 on and texts are the plugin's own",
  },
  {
    scenarios: /^faults\/leases on a file system without a free inode/,
    aspects: /^success$/,
    text: /^DEL host-local/,
    reason: "The Go plugin's DEL makes the directory of leases, and fails when there is no room for it.",
    source: "SPEC 1.1.0, section 2, DEL: should generally complete without error",
  },
  {
    scenarios: /^faults\/(bridge is undone|bridge without iptables|a result that nobody|an IPAM plugin that)/,
    aspects: /^outcome$/,
    text: /host is not as it was:\nlinks: \+ veth\S+ veth|link show type veth: .*"ifname":"veth/,
    reason: "An ADD that fails takes back what it made; the Go bridge leaves the interfaces, until DEL.",
    source: "SPEC 1.1.0, section 2, ADD: what is left must not be in the way of the next ADD",
  },
  {
    scenarios: /^faults\/tuning changes nothing when/,
    aspects: /^outcome$/,
    text: /arp_notify in c1: .*got "1"/,
    reason: "The Go plugin sets sysctls before it notes what was before, and takes none of them back.",
    source: "SPEC, section 2, ADD: what is left must not be in the way; reference/tuning.md, 2",
  },
  {
    scenarios: /^faults\/GC goes on/,
    aspects: /^outcome$/,
    reason: "The Go plugin's GC does nothing.",
    source: "containernetworking/plugins#1047",
  },
  {
    scenarios: /^faults\/an IPAM plugin that (fails without a word|is killed|is no program)/,
    aspects: /^outcome$/,
    text: /code 0 is no positive number/,
    reason: "For an IPAM plugin that fails without an error object the Go plugin prints one with the code 0.",
    source: "SPEC 1.1.0, section 5, Error: 0 to 99 are reserved for well-known errors, and 0 is none of them",
  },
  {
    scenarios: /^faults\/(an interface of that name|a file where the namespace)/,
    aspects: /^links$/,
    text: /the other's only: links: br0 bridge/,
    reason: "The Go bridge has made its bridge before it looks at the container.",
    source: "SPEC 1.1.0, section 2, ADD",
  },
  {
    scenarios: /^killed\/(host-local|bridge|tuning) killed/,
    aspects: /^outcome$/,
    text: /killed at its .*files: \+ \S+ ""/s,
    reason:
      "The Go plugins name a file before they write it: killed between, they leave an empty one that DEL does not take for its own.",
    source: "containernetworking/plugins#498",
    sometimes: true,
  },
  {
    scenarios: /^killed\/bridge killed/,
    aspects: /^outcome$/,
    text: /code 0 is no positive number/,
    reason:
      "When its IPAM plugin is killed and prints nothing, the Go bridge prints an error with the code 0.",
    source: "SPEC 1.1.0, section 5, Error: 0 to 99 are reserved for well-known errors, and 0 is none of them",
    sometimes: true,
  },
  {
    scenarios: /^killed\/bridge killed in DEL/,
    aspects: /^outcome$/,
    text: /killed at its .*-j MASQUERADE/s,
    reason:
      "The Go bridge's DEL finds its rules by the addresses in the container, which a DEL that was killed has removed.",
    source: "containernetworking/plugins#810",
    sometimes: true,
  },
];
