import type { Difference } from "./difference.ts";

export const loopback: readonly Difference[] = [
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
];
