import type { Plugin } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { validateConfig, versions } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

export const plugin: Plugin = {
  name: "loopback",
  versions,
  add: (request) => {
    validateConfig(request);
    return add(request);
  },
  // The other commands work whatever the configuration is.
  del,
  check,
  gc,
  status,
};
