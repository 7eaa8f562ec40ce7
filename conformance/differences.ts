import type { Difference } from "./cli/against.ts";

/**
 * Where these plugins differ from the Go plugins v1.9.1 on purpose, each with its reason and what justifies it.
 * `--against` fails for what is different and not here, and for what is here and not different any more.
 */
export const differences: Difference[] = [
  // loopback
  {
    scenarios: /^loopback\/brings lo up/,
    aspects: /^outcome$/,
    text: /the result is none of version/,
    reason: "The Go plugin prints a result in the newest shape whatever version is asked for.",
    source: "SPEC, section 5: a result must be of the version of the configuration",
  },
  // bridge

  // host-local

  // portmap

  // firewall

  // tuning

  // protocol, bad input

  // chains, concurrency, faults
];
