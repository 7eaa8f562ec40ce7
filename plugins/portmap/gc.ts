import type { Attachment } from "../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { commentOf, targetOf } from "../../shared/iptables/rule.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { removeRules } from "./del.ts";
import { closeForStale } from "./localhost-guard.ts";
import { containerChain, containerChainPrefix, dnatChain, ownerOf } from "./names.ts";
import { removeStale } from "./nftables/remove.ts";

/** GC: removes from both backends the ports of containers of this network that are not listed. */
export function gc({ network }: Request, valid: readonly Attachment[]): void {
  runAll([
    () => removeRules({ signs: [dnatChain], chainsIn: (current) => staleChains(current, network, valid) }),
    () => removeStale(network, valid),
    () => {
      const kept = new Set(valid.map((attachment) => ownerComment({ ...attachment, network })));
      closeForStale(ownerCommentStart(network), (owner) => !kept.has(owner));
    },
  ]);
}

/** The chains that say of themselves that they belong to this network, of containers that are not listed. */
export function staleChains(
  current: Ruleset,
  network: string,
  valid: readonly Pick<Attachment, "containerId">[],
): string[] {
  const kept = new Set(valid.map(({ containerId }) => containerChain(network, containerId)));
  const stale = new Set<string>();
  for (const rule of current.rules(dnatChain)) {
    const chain = targetOf(rule) ?? "";
    const owner = ownerOf(commentOf(rule) ?? "");
    if (owner?.network !== network || kept.has(chain) || !chain.startsWith(containerChainPrefix)) continue;
    // Somebody's own rule may carry a comment like ours; a cut comment does not tell the container.
    if (owner.containerId !== undefined && containerChain(network, owner.containerId) !== chain) continue;
    stale.add(chain);
  }
  return [...stale];
}
