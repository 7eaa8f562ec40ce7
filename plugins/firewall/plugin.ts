import type { Plugin, Request } from "../../shared/cni/plugin.ts";
import type { Purpose } from "../../shared/iptables/restore.ts";
import { add } from "./add.ts";
import { expectsIptables } from "./backend.ts";
import { check } from "./check.ts";
import { type Clients, startIptables, withClients } from "./clients.ts";
import { type CleanUpConfig, decodeCleanUp, decodeConfig, versions } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { reapply } from "./reapply.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

/** Calls a command with its configuration and clients; the start of iptables overlaps with what comes before its use. */
function withIptablesStarted<Config extends CleanUpConfig, T>(
  request: Request,
  config: Config,
  purpose: Purpose,
  command: (config: Config, clients: Clients) => T,
): T {
  return withClients((clients) => {
    if (expectsIptables(config)) startIptables(clients.iptables, request, purpose);
    return command(config, clients);
  });
}

export const plugin: Plugin = {
  name: "firewall",
  versions,
  add: (request) =>
    withIptablesStarted(request, decodeConfig(request), "changing", (config, clients) =>
      add(request, config, clients),
    ),
  del: (request) =>
    withIptablesStarted(request, decodeCleanUp(request), "changing", (config, clients) =>
      del(request, config, clients),
    ),
  check: (request) =>
    withIptablesStarted(request, decodeConfig(request), "reading", (config, clients) =>
      check(request, config, clients),
    ),
  gc: (request, valid) => withClients((clients) => gc(request, valid, decodeCleanUp(request), clients)),
  status: (request) => withClients((clients) => status(decodeConfig(request), clients)),
  sweep,
  reapply: (request) => withClients((clients) => reapply(request, decodeConfig(request), clients)),
};
