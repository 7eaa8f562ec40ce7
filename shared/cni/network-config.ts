import * as z from "zod/mini";
import {
  anyObject,
  configObject,
  optionalInteger,
  optionalIp,
  optionalText,
  optionalTexts,
  prefix,
} from "./config-schema.ts";

/** `dns` of a configuration or a result. */
export const dnsSchema = configObject({
  nameservers: optionalTexts,
  domain: optionalText,
  search: optionalTexts,
  options: optionalTexts,
});

/** A route of a configuration or a result. Scope: rtnetlink's numbers, 0 global … 253 link … 255 nowhere. */
export const routeSchema = configObject({
  dst: prefix,
  gw: optionalIp,
  mtu: optionalInteger,
  advmss: optionalInteger,
  priority: optionalInteger,
  table: optionalInteger,
  scope: optionalInteger,
});

/** The keys that every plugin's configuration has (CNI SPEC 1.1.0, section 1 and 3). Spread it into the schema. */
export const commonKeys = {
  cniVersion: optionalText,
  name: optionalText,
  type: optionalText,
  capabilities: z.optional(z.record(z.string(), z.boolean())),
  dns: z.optional(dnsSchema),
  prevResult: z.optional(anyObject),
};
