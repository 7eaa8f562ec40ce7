import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { storeSettings } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

/** bridge has it inside as well: see shared/cni/built-in.ts. */
export const plugin: Plugin = {
  name: "host-local",
  versions: allVersions,
  add,
  del: (request) => del(request, storeSettings(request)),
  check,
  gc,
  status,
};
