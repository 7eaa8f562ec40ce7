import { reapplyWhatCheckMisses } from "../../shared/cni/living.ts";
import type { Plugin, Request } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { Iptables } from "../../shared/iptables/client.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { configFor, decodeCleanUp, decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { createSetup, detectBackend, type Setup, startPrograms } from "./setup.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin = {
  name: "portmap",
  versions: allVersions,
  add: (request) => {
    const setup = setUp(request);
    startPrograms("add", request, setup);
    return add(request, setup);
  },
  del: (request) => del(request, () => decodeCleanUp(request), new Iptables()),
  check: (request) => {
    const setup = setUp(request);
    startPrograms("check", request, setup);
    check(request, setup);
  },
  gc: ({ network }, valid) => gc(network, valid, new Iptables()),
  status: (request) => status(setUp(request)),
  sweep: (cacheDirectory) => sweep(new Iptables(), cacheDirectory),
  reapply: (request) => {
    const setup = setUp(request);
    return reapplyWhatCheckMisses(
      request,
      () => check(request, setup),
      () => add(request, setup),
    );
  },
};

function setUp(request: Request): Setup {
  const decoded = decodeConfig(request);
  const config = configFor(decoded, decoded.backend ?? detectBackend());
  return createSetup(config, new Iptables());
}
