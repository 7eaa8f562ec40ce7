import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import type { Holder } from "../gone.ts";

/** Who has an element, by its comment. */
export function holderOf(comment: string | undefined, address: IpAddress | undefined): Holder {
  return {
    words: ownerInWords(comment),
    address,
    isOf: (network) => comment?.startsWith(ownerCommentStart(network)) === true,
    is: (attachment) => ownerComment(attachment) === comment,
  };
}

/** An owner's comment as people say it; a cut one stays as it is. */
function ownerInWords(comment: string | undefined): string | undefined {
  const [network, container, ifname, more] = (comment ?? "").split("/");
  if (ifname === undefined || more !== undefined) return comment;
  return `container ${container} (${ifname}) of network ${network}`;
}
