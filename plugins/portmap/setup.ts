import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { hasIptables, type Iptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { Backend } from "./backend.ts";
import type { BackendName, PortmapConfig } from "./config.ts";
import { iptablesBackend } from "./iptables/backend.ts";
import { nftablesBackend } from "./nftables/backend.ts";

/** Both backends, for one call. */
type Backends = Readonly<Record<BackendName, Backend>>;

export function createBackends(iptables: Iptables): Backends {
  return { iptables: iptablesBackend(iptables), nftables: nftablesBackend };
}

/** What ADD, CHECK and STATUS work with. */
export interface Setup {
  readonly config: PortmapConfig;
  readonly iptables: Iptables;
  readonly backends: Backends;
  /** The backend of the configuration, or of this host. */
  readonly backend: Backend;
  readonly otherBackend: Backend;
}

/** Chooses the backend for a call. */
export function createSetup(config: PortmapConfig, iptables: Iptables): Setup {
  const backends = createBackends(iptables);
  const [backend, otherBackend] =
    config.backend === "iptables"
      ? [backends.iptables, backends.nftables]
      : [backends.nftables, backends.iptables];
  return { config, iptables, backends, backend, otherBackend };
}

/** Starts programs that ADD or CHECK will probably need: they take longer to start than to work. */
export function startPrograms(purpose: "add" | "check", request: Request, { config, backend }: Setup): void {
  if (config.mappings.length === 0) return;
  for (const family of likelyFamilies(request)) {
    backend.startEarly(purpose, { attachment: request, config, family });
  }
}

/** Returns the setup with the two backends exchanged, for a configuration that fits both. */
export function exchanged({ backend, otherBackend, ...rest }: Setup): Setup {
  return { ...rest, backend: otherBackend, otherBackend: backend };
}

/** Returns the backend where the configuration names none: iptables where it is installed, as the Go plugin does. */
export function detectBackend(): BackendName {
  return !hasIptables(4) && hasNftables() ? "nftables" : "iptables";
}
