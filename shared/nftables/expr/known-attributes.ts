import { Attributes, eachAttribute } from "../../netlink/attribute-reader.ts";

/**
 * The attributes of an expression when all are of these types; undefined when there is one that the caller does not
 * understand, so that a rule is never taken for another that lacks it. Throws DecodeError.
 */
export function knownAttributes(bytes: Uint8Array, ...types: readonly number[]): Attributes | undefined {
  for (const { type } of eachAttribute(bytes)) if (!types.includes(type)) return undefined;
  return new Attributes(bytes);
}
