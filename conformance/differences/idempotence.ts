import type { Difference } from "./difference.ts";

export const idempotence: readonly Difference[] = [
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
];
