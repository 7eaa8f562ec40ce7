import type { Difference } from "./difference.ts";

export const protocol: readonly Difference[] = [
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
];
