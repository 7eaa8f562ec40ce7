import { runPlugin } from "../../shared/cni/run-plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import { del } from "./del.ts";
import { gc } from "./gc.ts";
import { status } from "./status.ts";

runPlugin({
  name: "tuning",
  versions: allVersions,
  // Each command needs another part of the configuration: DEL has to work with a broken one.
  decode: () => undefined,
  add,
  del,
  check,
  gc,
  status,
});
