import assert from "node:assert/strict";
import type { Host } from "../host/host.ts";
import { difference, keepLines, type Section, type Snapshot, snapshot } from "../host/snapshot.ts";
import { expectPeer } from "./binaries.ts";
import { withoutFurniture } from "./furniture.ts";

/**
 * What only the Go plugins leave: masquerade rules and tuning's notes after a DEL that finds no namespace or
 * interface, and connections that were translated to the container. Tolerated only with EXPECT_PEER=1.
 */
const peerLeaves: Partial<Record<Section, RegExp>> = {
  iptables: /^nat (:CNI-[0-9a-f]{24} |-A CNI-[0-9a-f]{24} |-A POSTROUTING .* -j CNI-[0-9a-f]{24}$)/,
  ip6tables: /^nat (:CNI-[0-9a-f]{24} |-A CNI-[0-9a-f]{24} |-A POSTROUTING .* -j CNI-[0-9a-f]{24}$)/,
  conntrack: /./,
  files: /^\/run\/cni\/tuning\//,
};

/** Asserts that a host is as it was, apart from host furniture (see furniture.ts). */
export function assertNothingLeft(host: Host, before: Snapshot, bridge: string, when: string): void {
  const after = snapshot(host);
  const left = difference(leftovers(before, bridge), leftovers(after, bridge));
  assert.equal(left, "", `left on the host ${when}:\n${left}`);
}

function leftovers(taken: Snapshot, bridge: string): Snapshot {
  return keepLines(
    withoutFurniture(taken, bridge),
    (section, line) => !(expectPeer && peerLeaves[section]?.test(line)),
  );
}
