import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import { type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
import { interfaceValue, markValue } from "../../../shared/nftables/data-type.ts";
import { inPrefix, matches, type Statement } from "../../../shared/nftables/statement.ts";

/** The conditions under which a network's published ports are meant by a packet. */
export interface Conditions {
  /** The tokens, joined; "" without conditions. An equal text means equal conditions. */
  readonly text: string;
  /** Lists of statements: all of one list must hold. */
  readonly alternatives: readonly (readonly Statement[])[];
}

export const noConditions: Conditions = { text: "", alternatives: [[]] };

type Operator = "==" | "!=";
type Reader = (operator: Operator, value: string) => Statement | undefined;

const operators: Readonly<Record<string, Operator>> = { "==": "==", eq: "==", "!=": "!=", ne: "!=" };

/** The most alternatives: each becomes a rule. */
const maxAlternatives = 64;

/**
 * Parses `conditionsV4` or `conditionsV6` in the words of nft: `ip saddr`, `ip daddr` (`ip6 …`), `iifname`, `oifname` and
 * `meta mark`, each with an optional `!=` and a value or `{ value, value }`. Everything else is refused, since there may be
 * no nft program to ask.
 *
 * @throws CniError code 2
 */
export function parseConditions(key: string, words: readonly string[], family: IpFamily): Conditions {
  const tokens = tokenize(words.join(" "));
  if (tokens.length === 0) return noConditions;
  let alternatives: (readonly Statement[])[] = [[]];
  let position = 0;
  while (position < tokens.length) {
    const begin = position;
    const fail = (): CniError => unsupported(key, tokens.slice(begin).join(" "), family);
    const [reader, fieldLength] = fieldAt(tokens, position, family);
    if (reader === undefined) throw fail();
    position += fieldLength;
    const operator = operators[tokens[position] ?? ""];
    if (operator !== undefined) position += 1;
    const [values, valueLength] = valuesAt(tokens, position);
    position += valueLength;
    const statements = values
      .map((value) => reader(operator ?? "==", value))
      .filter((statement) => statement !== undefined);
    if (statements.length === 0 || statements.length < values.length) throw fail();
    alternatives =
      operator === "!="
        ? alternatives.map((all) => [...all, ...statements])
        : alternatives.flatMap((all) => statements.map((one) => [...all, one]));
    if (alternatives.length > maxAlternatives) throw fail();
  }
  return { text: tokens.join(" "), alternatives };
}

function tokenize(text: string): string[] {
  return text.match(/"[^"]*"|[{},]|[^\s{},]+/g) ?? [];
}

/** Returns how to read values of the field that begins at a position, and the number of tokens that name it. */
function fieldAt(
  tokens: readonly string[],
  position: number,
  family: IpFamily,
): [Reader | undefined, number] {
  const [first = "", second = ""] = tokens.slice(position, position + 2);
  if (first === "meta") {
    const [reader, length] = fieldAt(tokens, position + 1, family);
    return isMeta(second) ? [reader, length + 1] : [undefined, 0];
  }
  if (isMeta(first)) return [first === "mark" ? readMark : readInterface(first), 1];
  if (first !== (family === 4 ? "ip" : "ip6")) return [undefined, 0];
  if (second !== "saddr" && second !== "daddr") return [undefined, 0];
  return [readPrefix(family === 4 ? `ip ${second}` : `ip6 ${second}`, family), 2];
}

function isMeta(word: string): word is "mark" | "iifname" | "oifname" {
  return word === "mark" || word === "iifname" || word === "oifname";
}

/** Returns one value, or those between braces, and the number of their tokens. Empty if there is none. */
function valuesAt(tokens: readonly string[], position: number): [values: string[], length: number] {
  const first = tokens[position];
  if (first === undefined || "},".includes(first)) return [[], 0];
  if (first !== "{") return [[first], 1];
  const end = tokens.indexOf("}", position);
  if (end === -1) return [[], 0];
  return [tokens.slice(position + 1, end).filter((token) => token !== ","), end - position + 1];
}

const readMark: Reader = (operator, value) => {
  const mark = /^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(value) ? Number(value) : Number.NaN;
  return mark <= 0xffff_ffff ? matches("meta mark", operator, markValue(mark)) : undefined;
};

function readInterface(field: "iifname" | "oifname"): Reader {
  return (operator, value) => {
    const [, name = "", star = ""] = /^"?([^\s"*/:!=]{1,15})(\*?)"?$/.exec(value) ?? [];
    if (name === "" || Buffer.byteLength(name) > 15) return undefined;
    // With an asterisk only the bytes before it are compared.
    const bytes = star === "*" ? new TextEncoder().encode(name) : interfaceValue(name);
    return matches(field, operator, bytes);
  };
}

function readPrefix(field: "ip saddr" | "ip daddr" | "ip6 saddr" | "ip6 daddr", family: IpFamily): Reader {
  return (operator, value) => {
    const full = value.includes("/") ? value : `${value}/${family === 4 ? 32 : 128}`;
    const prefix: IpPrefix | undefined = parsePrefix(full);
    return prefix?.address.family === family ? inPrefix(field, operator, prefix) : undefined;
  };
}

function unsupported(key: string, rest: string, family: IpFamily): CniError {
  const ip = family === 4 ? "ip" : "ip6";
  return new CniError(
    ErrorCode.unsupportedField,
    `unsupported condition in ${key}: ${JSON.stringify(rest)}`,
    `the nftables backend knows "${ip} saddr", "${ip} daddr", "iifname", "oifname" and "meta mark", with "!=" if need be, and a value or "{ value, value }"`,
  );
}
