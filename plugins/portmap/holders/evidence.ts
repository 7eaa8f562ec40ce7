import { lazy } from "../../../shared/basics/lazy.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { openNetnsIfPresent } from "../../../shared/linux/netns.ts";
import { openRtnetlink } from "../../../shared/rtnetlink/client.ts";
import { listLinks } from "../../../shared/rtnetlink/link.ts";
import type { Evidence } from "./gone.ts";
import { findLeaseHolders } from "./leases.ts";
import { readNotes } from "./noted-attachments.ts";
import { ownersOfLinks, placesOf } from "./places.ts";

/**
 * Runs `work` with what the host knows just now. Each thing is looked up when it is first asked for. Throws SystemError.
 *
 * @param newcomer the ADD that wants ports or an address.
 */
export function withEvidence<T>(newcomer: Request, work: (evidence: Evidence) => T): T {
  const rt = openRtnetlink();
  const netns = openIfPossible(newcomer.netns);
  try {
    const links = lazy(() => listLinks(rt));
    return work({
      newcomer,
      hostEnds: lazy(() => ownersOfLinks(links())),
      noted: lazy(() => readNotes(newcomer, netns)),
      leases: findLeaseHolders,
      // If not even the newcomer can be seen, others may be somewhere that cannot be seen either.
      places: (address) =>
        netns === undefined ? undefined : placesOf(rt, links(), address, { owner: newcomer, netns }),
    });
  } finally {
    netns?.close();
    rt.close();
  }
}

function openIfPossible(path: string) {
  try {
    return openNetnsIfPresent(path);
  } catch {
    // There is less evidence then.
    return undefined;
  }
}
