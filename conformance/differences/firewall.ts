import type { Difference } from "./difference.ts";

export const firewall: readonly Difference[] = [
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
];
