import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { type BridgeConfig, decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { prepare } from "./prepare.ts";
import { reapply } from "./reapply.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

export const plugin: Plugin<BridgeConfig> = {
  name: "bridge",
  versions: allVersions,
  prepare,
  decode: decodeConfig,
  add,
  del,
  check,
  gc,
  status,
  reapply,
  sweep,
};
