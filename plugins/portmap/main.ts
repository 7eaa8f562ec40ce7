import { reapplyWhatCheckMisses } from "../../shared/cni/living.ts";
import { runPlugin } from "../../shared/cni/run-plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { decodeConfig } from "./config.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { prepare } from "./prepare.ts";
import { status } from "./status.ts";
import { sweep } from "./sweep.ts";

runPlugin({
  name: "portmap",
  versions: allVersions,
  prepare,
  decode: decodeConfig,
  add,
  del,
  check,
  gc,
  status,
  sweep,
  reapply: reapplyWhatCheckMisses({ check, add }),
});
