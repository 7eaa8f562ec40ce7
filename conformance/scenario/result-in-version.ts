import { isPatternObject, type Pattern, type PatternObject } from "./match.ts";
import { isAtLeast } from "./versions.ts";

/**
 * What a result written for the newest version of the specification looks like in an older one. Works on patterns,
 * which is why addresses must be given as texts that tell their family.
 *
 * - up to 0.2.0: `ip4` and `ip6` with the family's first address, gateway and routes; no interfaces (SPEC 0.2.0,
 *   "Result");
 * - 0.3.0 to 0.4.0: each of `ips` has a `version` "4" or "6" (SPEC 0.4.0, "Result");
 * - before 1.1.0: no `mtu`, `socketPath` and `pciID` of interfaces, and of a route only `dst` and `gw`.
 */
export function resultInVersion(result: Pattern, version: string): Pattern {
  if (!isPatternObject(result)) return result;
  if (isAtLeast(version, "1.1.0")) return result;
  const older = withoutNewKeys(result);
  if (isAtLeast(version, "1.0.0")) return older;
  if (isAtLeast(version, "0.3.0")) return withFamilies(older);
  return byFamily(older);
}

function withoutNewKeys(result: PatternObject): PatternObject {
  const { interfaces, routes, ...rest } = result;
  return {
    ...rest,
    ...(interfaces !== undefined && {
      interfaces: eachObject(interfaces, ({ mtu: _mtu, socketPath: _path, pciID: _pci, ...link }) => link),
    }),
    ...(routes !== undefined && {
      routes: eachObject(routes, (route) => {
        const { dst, gw, ...others } = route;
        const isOperator = Object.keys(others).some((key) => key.startsWith("$"));
        if (isOperator) return route;
        return { ...(dst !== undefined && { dst }), ...(gw !== undefined && { gw }) };
      }),
    }),
  };
}

function withFamilies(result: PatternObject): PatternObject {
  const { ips, ...rest } = result;
  if (ips === undefined) return result;
  return { ...rest, ips: eachObject(ips, (ip) => ({ version: family(ip["address"]), ...ip })) };
}

function byFamily(result: PatternObject): PatternObject {
  const { ips = [], routes, interfaces: _interfaces, ...rest } = result;
  const older: { [key: string]: Pattern } = { ...rest };
  for (const [key, name] of [
    ["ip4", "4"],
    ["ip6", "6"],
  ] as const) {
    const ip = objects(ips).find(({ address }) => family(address) === name);
    if (ip === undefined) continue;
    const { address = { $any: true }, gateway } = ip;
    const own = routes === undefined ? undefined : objects(routes).filter(({ dst }) => family(dst) === name);
    older[key] = {
      ip: address,
      ...(gateway !== undefined && { gateway }),
      ...(own !== undefined && own.length > 0 && { routes: own }),
    };
  }
  return older;
}

function family(address: Pattern | undefined): "4" | "6" {
  if (typeof address !== "string")
    throw new Error("an expected address must be a text, for versions before 1.0.0");
  return address.includes(":") ? "6" : "4";
}

function eachObject(list: Pattern, change: (entry: PatternObject) => PatternObject): Pattern {
  if (!Array.isArray(list)) return list;
  return list.map((entry: Pattern) => (isPatternObject(entry) ? change(entry) : entry));
}

function objects(list: Pattern): PatternObject[] {
  return Array.isArray(list) ? list.filter(isPatternObject) : [];
}
