import { isIP } from "node:net";
import { isObject, type JsonObject } from "../harness/host/json.ts";
import type { ErrorCode } from "./call-step.ts";
import { isAtLeast } from "./versions.ts";

/**
 * What is wrong with a result of ADD by the rules of a spec version, a sentence each: the shape that every plugin's
 * result must have, whatever is in it (SPEC, "ADD Success"; for 0.2.0 and older "Result").
 */
export function resultProblems(result: unknown, version: string): string[] {
  if (!isObject(result)) return [`a result is a JSON object, not ${JSON.stringify(result)}`];
  const problems: string[] = [];
  if (result["cniVersion"] !== version) {
    problems.push(
      `cniVersion is ${JSON.stringify(result["cniVersion"])}, the configuration's is "${version}"`,
    );
  }
  return [...problems, ...(isAtLeast(version, "0.3.0") ? current(result, version) : old(result))];
}

function current(result: JsonObject, version: string): string[] {
  const problems: string[] = [];
  for (const key of ["ip4", "ip6"])
    if (key in result) problems.push(`${key} belongs to version 0.2.0 and older`);
  const interfaces = list(result, "interfaces", problems);
  for (const [index, link] of interfaces.entries()) {
    if (typeof link["name"] !== "string" || link["name"] === "")
      problems.push(`interfaces[${index}] has no name`);
    for (const key of ["mtu", "socketPath", "pciID"]) {
      if (key in link && !isAtLeast(version, "1.1.0"))
        problems.push(`interfaces[${index}].${key} is new in 1.1.0`);
    }
  }
  for (const [index, ip] of list(result, "ips", problems).entries()) {
    const { address, gateway, version: family, interface: at } = ip;
    if (!isCidr(address))
      problems.push(`ips[${index}].address ${JSON.stringify(address)} is no ADDRESS/LENGTH`);
    if (gateway !== undefined && !isAddress(gateway)) problems.push(`ips[${index}].gateway is no address`);
    const isNeeded = !isAtLeast(version, "1.0.0");
    const right = isNeeded ? (String(address).includes(":") ? "6" : "4") : undefined;
    if (family !== right) {
      problems.push(`ips[${index}].version is ${JSON.stringify(family)}, not ${JSON.stringify(right)}`);
    }
    const isIndex = typeof at === "number" && Number.isInteger(at) && at >= 0 && at < interfaces.length;
    if (at !== undefined && !isIndex) problems.push(`ips[${index}].interface is no index of interfaces`);
  }
  for (const [index, route] of list(result, "routes", problems).entries()) {
    problems.push(...routeProblems(route, `routes[${index}]`, version));
  }
  return [...problems, ...dnsProblems(result)];
}

function old(result: JsonObject): string[] {
  const problems: string[] = [];
  for (const key of ["interfaces", "ips", "routes"]) {
    if (key in result) problems.push(`${key} is new in 0.3.0`);
  }
  for (const key of ["ip4", "ip6"]) {
    const part = result[key];
    if (part === undefined) continue;
    if (!isObject(part)) {
      problems.push(`${key} is no object`);
      continue;
    }
    if (!isCidr(part["ip"])) problems.push(`${key}.ip ${JSON.stringify(part["ip"])} is no ADDRESS/LENGTH`);
    if (part["gateway"] !== undefined && !isAddress(part["gateway"]))
      problems.push(`${key}.gateway is no address`);
    for (const [index, route] of list(part, "routes", problems).entries()) {
      problems.push(...routeProblems(route, `${key}.routes[${index}]`, "0.2.0"));
    }
  }
  return [...problems, ...dnsProblems(result)];
}

function routeProblems(route: JsonObject, name: string, version: string): string[] {
  const problems: string[] = [];
  if (!isCidr(route["dst"]))
    problems.push(`${name}.dst ${JSON.stringify(route["dst"])} is no ADDRESS/LENGTH`);
  if (route["gw"] !== undefined && !isAddress(route["gw"])) problems.push(`${name}.gw is no address`);
  for (const key of ["mtu", "advmss", "priority", "table", "scope"]) {
    if (key in route && !isAtLeast(version, "1.1.0")) problems.push(`${name}.${key} is new in 1.1.0`);
  }
  return problems;
}

function dnsProblems({ dns }: JsonObject): string[] {
  if (dns === undefined) return [];
  if (!isObject(dns)) return ["dns is no object"];
  return ["nameservers", "search", "options"]
    .filter((key) => key in dns && !isTextList(dns[key]))
    .map((key) => `dns.${key} is no list of texts`);
}

/** The specification's codes; 8 (a namespace that cannot be used) is in its library only. */
const assignedCodes: ReadonlySet<number> = new Set([1, 2, 3, 4, 5, 6, 7, 8, 11, 50, 51]);

/** What is wrong with the error that a plugin printed (SPEC, "Error"). */
export function errorProblems(error: unknown): string[] {
  if (!isObject(error)) return ["an error is one JSON object on standard output"];
  const problems: string[] = [];
  const { cniVersion, code, msg, details } = error;
  if (typeof code !== "number" || !Number.isInteger(code) || code <= 0)
    problems.push(`code ${JSON.stringify(code)} is no positive number`);
  else if (code < 100 && !assignedCodes.has(code))
    problems.push(`code ${code} is reserved, and stands for nothing`);
  if (typeof msg !== "string" || msg === "") problems.push("msg is empty");
  if (cniVersion !== undefined && typeof cniVersion !== "string") problems.push("cniVersion is no text");
  if (details !== undefined && typeof details !== "string") problems.push("details is no text");
  return problems;
}

/** Why an error's code is none of those that are right; undefined when it is one. */
export function codeMismatch(code: unknown, right: readonly ErrorCode[]): string | undefined {
  const isRight = right.some((one) =>
    typeof one === "number" ? code === one : typeof code === "number" && code >= one.atLeast,
  );
  const texts = right.map((one) => (typeof one === "number" ? `${one}` : `${one.atLeast} and more`));
  return isRight ? undefined : `the error's code is ${JSON.stringify(code)}, not ${texts.join(" or ")}`;
}

function list(object: JsonObject, key: string, problems: string[]): JsonObject[] {
  const value = object[key];
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  problems.push(`${key} is no list of objects`);
  return [];
}

function isCidr(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [address = "", length = "", ...rest] = value.split("/");
  const bits = isIP(address) === 6 ? 128 : 32;
  return isIP(address) !== 0 && rest.length === 0 && /^\d+$/.test(length) && Number(length) <= bits;
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && isIP(value) !== 0;
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}
