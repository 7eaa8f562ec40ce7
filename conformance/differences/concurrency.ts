import type { Difference } from "./difference.ts";

export const concurrency: readonly Difference[] = [
  {
    scenarios: /^concurrency\//,
    aspects: /^(files|routes|links|addresses|nft|conntrack|iptables|ip6tables|c\d+ (link|route))$/,
    reason:
      "What the plugins make is compared with its reasons in their own suites; here only when the Go plugins get through.",
    source: "conformance/differences: bridge, portmap, firewall",
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
];
