import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { prepare } from "./prepare.ts";
import { reapply } from "./reapply.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin = {
  name: "bridge",
  versions: allVersions,
  add: (request) => add(request, decodeConfig(request)),
  del: (request) => del(request, decodeConfig(request)),
  check: (request) => {
    prepare(request);
    check(request, decodeConfig(request));
  },
  gc,
  status,
  reapply: (request) => reapply(request, decodeConfig(request)),
  sweep,
};
