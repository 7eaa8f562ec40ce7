import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { Iptables } from "../../shared/iptables/client.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeAttached, decodeCleanUp, decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { reapply } from "./reapply.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin = {
  name: "bridge",
  versions: allVersions,
  add: (request) => add(request, decodeConfig(request), new Iptables()),
  del: (request) => del(request, decodeCleanUp(request), new Iptables()),
  check: (request) => check(request, decodeAttached(request), new Iptables()),
  gc: (request, valid) => gc(request, valid, decodeCleanUp(request), new Iptables()),
  status: (request) => status(request, decodeConfig(request), new Iptables()),
  reapply: (request) => reapply(request, decodeConfig(request), new Iptables()),
  sweep,
};
