import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutFurniture } from "../plugins/furniture.ts";
import { difference, type Snapshot } from "./snapshot.ts";

const empty: Snapshot = {
  links: [],
  addresses: [],
  routes: [],
  iptables: [],
  ip6tables: [],
  nft: [],
  conntrack: [],
  files: [],
  sysctls: [],
};

test("difference shows lines that came and went, and counts repeated ones", () => {
  const before = { ...empty, links: ["a", "b"], iptables: ["rule"] };
  const after = { ...empty, links: ["b", "c"], iptables: ["rule", "rule"] };
  assert.equal(difference(before, after), "links: + c\nlinks: - a\niptables: + rule");
  assert.equal(difference(before, before), "");
});

test("furniture is what every attachment shares, nothing of a container", () => {
  const ofContainer: Snapshot = {
    ...empty,
    links: ["veth1 veth mtu 1500 master br0", "br1 bridge mtu 1500"],
    addresses: ["br1 10.0.0.1/24"],
    iptables: [
      "filter -A CNI-FORWARD -s 10.4.0.2/32 -j ACCEPT",
      'nat -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat" -m multiport --dports 80 -j CNI-DN-1',
      "nat :CNI-DN-1 -",
    ],
    files: [
      '/var/lib/cni/networks/net/10.4.0.2 "id\\r\\neth0"',
      "/var/lib/cni/networks/.host-local/net/owners/id:eth0 -> 1-1 10.4.0.2 1.1",
    ],
  };
  const both: Snapshot = {
    ...ofContainer,
    links: [...ofContainer.links, "br0 bridge mtu 1500"],
    addresses: [...ofContainer.addresses, "br0 10.4.0.1/24"],
    routes: ["type unicast dst 10.4.0.0/24 dev br0", "type local dst 10.4.0.1 dev br0 table local"],
    iptables: [
      ...ofContainer.iptables,
      "filter :CNI-FORWARD -",
      'filter -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD',
      "nat :CNI-HOSTPORT-DNAT -",
      "nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    ],
    files: [
      ...ofContainer.files,
      '/var/lib/cni/networks/net/lock ""',
      "/var/lib/cni/networks/.host-local/net/state",
    ],
    sysctls: ["net/ipv4/ip_forward = 1"],
  };
  assert.deepEqual(withoutFurniture(both, "br0"), ofContainer);
});
