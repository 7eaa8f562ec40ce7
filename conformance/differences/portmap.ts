import type { Difference } from "./difference.ts";

export const portmap: readonly Difference[] = [
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
];
