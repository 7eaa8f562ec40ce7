import * as z from "zod/mini";
import { lazy } from "../basics/lazy.ts";
import { configObject, decode, optionalInteger, optionalIp, optionalText, prefix } from "./config-schema.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import type { JsonObject } from "./json-read.ts";
import { dnsSchema, routeSchema } from "./network-config.ts";
import type { Result } from "./result.ts";
import { resultFamily, versionsOfFamily } from "./versions.ts";

const versionOnly = configObject({ cniVersion: optionalText });

const oldestIp = lazy(() =>
  configObject({
    ip: prefix,
    gateway: optionalIp,
    routes: z.optional(z.array(routeSchema)),
  }),
);

const oldestForm = lazy(() =>
  configObject({
    ip4: z.optional(oldestIp()),
    ip6: z.optional(oldestIp()),
    dns: z.optional(dnsSchema),
  }),
);

const currentForm = configObject({
  interfaces: z.optional(
    z.array(
      configObject({
        name: optionalText,
        mac: optionalText,
        mtu: optionalInteger,
        sandbox: optionalText,
        socketPath: optionalText,
        pciID: optionalText,
      }),
    ),
  ),
  ips: z.optional(
    z.array(configObject({ address: prefix, gateway: optionalIp, interface: optionalInteger })),
  ),
  routes: z.optional(z.array(routeSchema)),
  dns: z.optional(dnsSchema),
});

/**
 * Reads a result of any specification version into the newest form.
 *
 * @param version what the document is taken for when it does not say; what it says must belong to the same family.
 * @param what names the document in errors.
 * @throws CniError code 6 or 7, or 1 when the version does not fit.
 */
export function parseResult(document: JsonObject, version: string, what = "prevResult"): Result {
  const family = resultFamily(version);
  const written = decode(versionOnly, document, what).cniVersion ?? version;
  if (family === undefined || resultFamily(written) !== family || (written === "" && family !== "0.1")) {
    const accepted = family === undefined ? [] : versionsOfFamily(family);
    throw new CniError(
      ErrorCode.incompatibleVersion,
      `could not parse ${what}: result type supports [${accepted.join(" ")}] but unmarshalled CNIVersion is "${written}"`,
      "the result must come from a plugin that was called with this network's cniVersion",
    );
  }
  return family === "0.1" ? parseOldest(document, what) : parseCurrent(document, what, family);
}

function parseOldest(document: JsonObject, what: string): Result {
  const form = decode(oldestForm(), document, what);
  const ips = [form.ip4, form.ip6].filter((ip) => ip !== undefined);
  return {
    interfaces: [],
    ips: ips.map(({ ip, gateway }) => ({ address: ip, ...(gateway === undefined ? {} : { gateway }) })),
    routes: ips.flatMap((ip) => (ip.routes ?? []).map(withoutUndefined)),
    dns: withoutUndefined(form.dns ?? {}),
  };
}

function parseCurrent(document: JsonObject, what: string, family: "0.3" | "1.0"): Result {
  const form = decode(currentForm, document, what);
  return {
    interfaces: (form.interfaces ?? []).map(({ name = "", mac, sandbox, mtu, socketPath, pciID }) =>
      withoutUndefined(
        // The older form has no more than these three.
        family === "0.3" ? { name, mac, sandbox } : { name, mac, mtu, sandbox, socketPath, pciID },
      ),
    ),
    ips: (form.ips ?? []).map(withoutUndefined),
    routes: (form.routes ?? []).map(withoutUndefined),
    dns: withoutUndefined(form.dns ?? {}),
  };
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
type WithoutUndefined<T> = Defined<{ [K in keyof T as undefined extends T[K] ? never : K]: T[K] }> &
  Partial<Defined<{ [K in keyof T as undefined extends T[K] ? K : never]: T[K] }>>;

function withoutUndefined<T extends object>(value: T): WithoutUndefined<T>;
function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined));
}
