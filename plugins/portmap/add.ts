import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { IptablesUnavailable } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { PortmapConfig } from "./config.ts";
import { createHolders } from "./holders/holders.ts";
import { allowLocalhost, localhostPath } from "./localhost/access.ts";
import { mappingsOf } from "./mappings.ts";
import { containerAddresses, publicationsOf } from "./publication.ts";
import { exchanged, type Setup } from "./setup.ts";
import { forgetEarlierConnections } from "./stale-connections.ts";

/** ADD: publishes the ports and passes the result of the plugins before on. Throws CniError; nothing is left then. */
export function add(request: Request, setup: Setup): Result {
  const previous = prevResult(request);
  if (previous === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      "must be called as chained plugin",
      "portmap publishes ports of an address that a plugin before it has given: put it behind bridge in the list",
    );
  }
  try {
    addBy(request, setup, previous);
  } catch (error) {
    // The programs are installed, but the kernel has nothing for them.
    const mayTurn = error instanceof IptablesUnavailable && fitsBoth(setup.config) && hasNftables();
    if (!mayTurn) throw error;
    addBy(request, exchanged(setup), previous);
  }
  return previous;
}

/** Whether either backend can do what is asked for. */
function fitsBoth({ isBackendFree, masquerade, conditions }: PortmapConfig): boolean {
  return isBackendFree && masquerade.kind !== "chain" && [...conditions[4], ...conditions[6]].length === 0;
}

function addBy(request: Request, setup: Setup, previous: Result): void {
  const { config, iptables, backends, backend, otherBackend } = setup;
  const publications = publicationsOf(request, config, previous, backend.publishesIdle);
  const holders = createHolders(request);
  for (const { address } of Object.values(containerAddresses(previous, request.ifname))) {
    backends.nftables.clearAddress(address, request, holders);
    const isPublished = publications.some(({ family }) => family === address.family);
    if (!(isPublished && backend.clearsInAdd)) backends.iptables.clearAddress(address, request, holders);
  }
  if (publications.length === 0) return;
  withUndo((undo) => {
    backend.assertUsable(publications);
    otherBackend.clearPorts(publications, holders);
    backend.add(publications, holders, undo);
    for (const { family, container } of publications) {
      forgetEarlierConnections(mappingsOf(config.mappings, family), container.address);
    }
    const path = localhostPath(publications, previous);
    if (path !== undefined) allowLocalhost(iptables, path, undo);
  });
}
