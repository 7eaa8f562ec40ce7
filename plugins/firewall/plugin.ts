import { reapplyWhatCheckMisses } from "../../shared/cni/living.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeConfig, versions } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { prepare } from "./prepare.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin = {
  name: "firewall",
  versions,
  add: (request) => {
    prepare(request);
    return add(request, decodeConfig(request));
  },
  del: (request) => {
    prepare(request);
    del(request, decodeConfig(request));
  },
  check: (request) => {
    prepare(request);
    check(request, decodeConfig(request));
  },
  gc,
  status,
  sweep,
  reapply: (request) => {
    const config = decodeConfig(request);
    return reapplyWhatCheckMisses(
      request,
      () => check(request, config),
      () => add(request, config),
    );
  },
};
