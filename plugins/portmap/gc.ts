import type { Attachment } from "../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../shared/cni/owner-comment.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { closeForStale } from "./localhost/guard.ts";
import { createBackends } from "./setup.ts";

/** GC: removes from both backends the ports of containers of this network that are not listed. Throws CniError. */
export function gc(network: string, valid: readonly Attachment[], iptables: Iptables): void {
  const backends = createBackends(iptables);
  runAll([
    () => backends.iptables.gc(network, valid),
    () => backends.nftables.gc(network, valid),
    () => {
      const kept = new Set(valid.map((attachment) => ownerComment({ ...attachment, network })));
      closeForStale(iptables, ownerCommentStart(network), (owner) => !kept.has(owner));
    },
  ]);
}
