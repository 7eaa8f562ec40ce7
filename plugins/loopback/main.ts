import { configObject, decode } from "../../shared/cni/config-schema.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import { runPlugin } from "../../shared/cni/run-plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add, check, del } from "./loopback.ts";

const schema = configObject(commonKeys);

runPlugin({
  name: "loopback",
  versions: allVersions,
  // There is nothing to configure beyond what every plugin has, and DEL and CHECK work with a broken configuration.
  decode: ({ command, document }) => command === "ADD" && decode(schema, document),
  add,
  del,
  check,
  // Nothing is kept for an attachment outside its namespace.
  gc: () => {},
  status: () => {},
});
