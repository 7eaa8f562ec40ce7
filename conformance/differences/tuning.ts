import type { Difference } from "./difference.ts";

export const tuning: readonly Difference[] = [
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
];
