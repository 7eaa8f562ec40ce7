import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import { hasNftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Backend } from "../backend.ts";
import { forgetLeftConnections } from "../stale-connections.ts";
import { clearAddress } from "./holders.ts";
import { missingElement } from "./missing.ts";
import { probe } from "./probe.ts";
import { clearPorts, publish, unpublish } from "./publish.ts";
import { removeAttachment, removeGone } from "./removal.ts";

/** Publishes ports by elements of maps in tables of our own; `table.ts` begins with the design. */
export const nftablesBackend: Backend = {
  tellsOurs: true,
  clearsInAdd: false,
  publishesIdle: () => false,
  startEarly() {
    // There is no program to start.
  },
  assertUsable() {
    // If the kernel lacks something, it refuses the batch.
  },
  clearAddress(address, attachment, holders) {
    if (!hasNftables()) return;
    forgetLeftConnections(clearAddress(openNftables(), address, attachment, holders));
  },
  clearPorts(publications, holders) {
    if (!hasNftables()) return;
    const nftables = openNftables();
    // With conditions of iptables, ports may be for other packets than those of a holder.
    const unconditional = publications.filter(({ config, family }) => config.conditions[family].length === 0);
    forgetLeftConnections(holders.decide(() => clearPorts(nftables, unconditional, holders)));
  },
  add(publications, holders, undo) {
    const nftables = openNftables();
    const done = holders.decide(() => publish(nftables, publications, holders));
    undo.push(() => unpublish(nftables, done));
    forgetLeftConnections(done.takenOver);
  },
  mayHave: hasNftables,
  check: (publication) => missingElement(openNftables(), publication),
  del: ({ attachment, addresses }) => removeAttachment(attachment, addresses),
  gc(network, valid) {
    const kept = new Set(valid.map((attachment) => ownerComment({ ...attachment, network })));
    removeGone(ownerCommentStart(network), (owner) => !kept.has(owner));
  },
  status: probe,
};
