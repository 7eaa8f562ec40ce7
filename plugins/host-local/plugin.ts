import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { type StoreSettings, storeSettings } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

/** bridge has it inside as well: see shared/cni/built-in.ts. */
export const plugin: Plugin<StoreSettings> = {
  name: "host-local",
  versions: allVersions,
  decode: storeSettings,
  add,
  del,
  check,
  gc,
  status,
};
