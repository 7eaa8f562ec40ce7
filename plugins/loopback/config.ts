import { configObject, decode } from "../../shared/cni/config-schema.ts";
import { commonKeys } from "../../shared/cni/network-config.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { allVersions } from "../../shared/cni/versions.ts";

export const versions = allVersions;

const schema = configObject(commonKeys);

/** Validates the keys that every plugin has; there are no others. Throws CniError code 6 or 7. */
export function validateConfig({ document }: Request): void {
  decode(schema, document);
}
