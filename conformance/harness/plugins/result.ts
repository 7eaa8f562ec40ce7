import { asObject, asString, isObject, objectList } from "../host/json.ts";

/** The addresses with prefix length in a CNI result of any spec version, in its order. */
export function resultAddresses(result: unknown): string[] {
  const object = asObject(result);
  if ("ips" in object) return objectList(object["ips"]).map((ip) => asString(ip["address"]));
  return ["ip4", "ip6"].flatMap((key) => {
    const part = object[key];
    return isObject(part) ? [asString(part["ip"])] : [];
  });
}

/** The first address of a CNI result, without prefix length. */
export function firstAddress(result: unknown): string {
  const [first] = resultAddresses(result);
  if (first === undefined) throw new Error(`no address in ${JSON.stringify(result)}`);
  return withoutPrefix(first);
}

/** `10.4.0.2` of `10.4.0.2/24`. */
export function withoutPrefix(address: string): string {
  return address.replace(/\/\d+$/, "");
}
