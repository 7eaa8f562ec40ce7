import { configObject, decode } from "../../shared/cni/config-schema.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Plugin } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";
import { add, check, del } from "./loopback.ts";

/** There is nothing to configure beyond what every plugin has. */
const schema = configObject(commonKeys);

export const plugin: Plugin = {
  name: "loopback",
  versions: allVersions,
  add: (request) => {
    decode(schema, request.document);
    return add(request);
  },
  // These work even if the configuration is wrong.
  del,
  check,
  // Nothing is kept for an attachment outside its namespace.
  gc: () => {},
  status: () => {},
};
