import { WireError } from "./wire-error.ts";

const basicTypes = "ybnqiuxtdsogh";
const maxDepth = 64;

/** D-Bus specification, "Summary of types": the boundary on which a value of this type begins, in bytes. */
export function alignmentOf(type: string): number {
  const first = type.charAt(0);
  if ("ygv".includes(first)) return 1;
  if ("nq".includes(first)) return 2;
  return "xtd({".includes(first) ? 8 : 4;
}

/**
 * The complete types of a signature: "sa{sv}" has "s" and "a{sv}".
 *
 * @throws WireError when it is malformed or nested too deeply.
 */
export function splitSignature(signature: string): readonly string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at, 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

function endOfType(signature: string, start: number, depth: number): number {
  const first = signature.charAt(start);
  if (depth > maxDepth) throw new WireError("a signature is nested too deeply");
  if (first !== "" && (basicTypes.includes(first) || first === "v")) return start + 1;
  if (first === "a") return endOfType(signature, start + 1, depth + 1);
  const close = first === "(" ? ")" : first === "{" ? "}" : undefined;
  if (close === undefined || signature.charAt(start + 1) === close) {
    throw new WireError(`malformed signature ${JSON.stringify(signature)}`);
  }
  let at = start + 1;
  while (signature.charAt(at) !== close) at = endOfType(signature, at, depth + 1);
  return at + 1;
}
