/**
 * `node conformance/prepare.ts peers|clients|kernel…`: builds or fetches, once, what tests otherwise do at their first
 * use: the Go plugins and cnitool, the clients that are built from Go modules, the virtual machine's kernel.
 */
import { ensureGoClients } from "./harness/clients/go-clients.ts";
import { ensurePeer, peerReleases } from "./harness/plugins/peers.ts";
import { ensureKernel } from "./vm/kernel.ts";

const makers: Record<string, () => void> = {
  peers: () => {
    for (const release of peerReleases) ensurePeer(release);
  },
  clients: ensureGoClients,
  kernel: ensureKernel,
};

for (const name of process.argv.slice(2)) {
  const make = makers[name];
  if (make === undefined) throw new Error(`${name}: it must be one of ${Object.keys(makers).join(", ")}`);
  make();
}
