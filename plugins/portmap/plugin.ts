import { reapplyWhatCheckMisses } from "../../shared/cni/living.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { prepare } from "./prepare.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin = {
  name: "portmap",
  versions: allVersions,
  add: (request) => {
    prepare(request);
    return add(request, decodeConfig(request));
  },
  del,
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
