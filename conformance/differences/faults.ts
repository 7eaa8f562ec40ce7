import type { Difference } from "./difference.ts";

export const faults: readonly Difference[] = [
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
