import * as z from "zod/mini";
import { anyObject, configObject, integer, optionalIp, prefix, text } from "./config-schema.ts";

/** `dns` of a configuration or a result. */
export const dnsSchema = configObject({
  nameservers: z.optional(z.array(text)),
  domain: z.optional(text),
  search: z.optional(z.array(text)),
  options: z.optional(z.array(text)),
});

/** A route of a configuration or a result. Scope: rtnetlink's numbers, 0 global … 253 link … 255 nowhere. */
export const routeSchema = configObject({
  dst: prefix,
  gw: optionalIp,
  mtu: z.optional(integer),
  advmss: z.optional(integer),
  priority: z.optional(integer),
  table: z.optional(integer),
  scope: z.optional(integer),
});

/** The keys that every plugin's configuration has (CNI SPEC 1.1.0, section 1 and 3). Spread it into the schema. */
export const commonKeys = {
  cniVersion: z.optional(text),
  name: z.optional(text),
  type: z.optional(text),
  capabilities: z.optional(z.record(z.string(), z.boolean())),
  dns: z.optional(dnsSchema),
  prevResult: z.optional(anyObject),
};
