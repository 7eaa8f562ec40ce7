import type { Verdict } from "../../../shared/nftables/data.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Lookup } from "../../../shared/nftables/expr/lookup.ts";
import type { Register } from "../../../shared/nftables/register.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import { effectOf } from "./foreign-expression.ts";
import {
  compare,
  type KnownValue,
  masked,
  metaValue,
  type Packet,
  stateOfFirst,
  statusOfFirst,
  type Truth,
} from "./packet.ts";

/** A table of somebody else. */
interface ForeignTable {
  readonly rulesOf: (chain: string) => readonly Rule[];
  /** Elements of a set whose keys are no ranges. */
  readonly elementsOf: (set: string) => readonly Element[];
  /** The courses of chains that were followed before: many rules may jump to the same chain. */
  readonly courses: Map<string, Course>;
}

/**
 * The course of the packet in a chain of somebody else: the chain certainly drops it, may accept it, or lets it go on to
 * the rules behind the jump. An expression that is not understood may match or not, so in doubt it is "may accept".
 */
type Course = "drops" | "may accept" | "goes on";

/** The packet's course in a chain and those to which it jumps; the kernel allows no loops. */
export function follow(packet: Packet, chain: string, table: ForeignTable): Course {
  const known = table.courses.get(chain);
  if (known !== undefined) return known;
  const course = followRules(packet, table.rulesOf(chain), table);
  table.courses.set(chain, course);
  return course;
}

function followRules(packet: Packet, rules: readonly Rule[], table: ForeignTable): Course {
  for (const [index, rule] of rules.entries()) {
    const { holds, end } = evaluate(packet, rule, table);
    if (holds === "no" || end === undefined) continue;
    const isCertain = holds === "yes";
    switch (end.kind) {
      case "drop":
        if (isCertain) return "drops";
        break;
      case "return": {
        if (isCertain) return "goes on";
        const rest = followRules(packet, rules.slice(index + 1), table);
        return rest === "may accept" ? rest : "goes on";
      }
      case "jump":
      case "goto": {
        const inner = follow(packet, end.chain, table);
        if (inner === "may accept") return inner;
        if (isCertain && inner === "drops") return inner;
        if (isCertain && end.kind === "goto") return "goes on";
        break;
      }
      case "continue":
      case "break":
        break;
      default:
        return "may accept";
    }
  }
  return "goes on";
}

interface Evaluation {
  /** "yes" when all matches of the rule hold for the packet. */
  readonly holds: Truth;
  /** Absent when the rule decides nothing. */
  readonly end?: Verdict | { readonly kind: "unknown" };
}

function evaluate(packet: Packet, { expressions }: Rule, table: ForeignTable): Evaluation {
  const registers = new Map<Register, KnownValue>();
  const read = (register: Register): KnownValue => registers.get(register) ?? "anything";
  let holds: Truth = "yes";
  for (const expression of expressions) {
    switch (expression.kind) {
      case "meta":
        registers.set(expression.register, metaValue(packet, expression.key));
        break;
      case "ct":
        registers.set(expression.register, connectionValue(expression.key));
        break;
      case "bitwise":
        registers.set(expression.destination, masked(read(expression.source), expression));
        break;
      case "immediate":
        registers.set(expression.register, { bytes: expression.value });
        break;
      case "payload":
      case "fib":
        registers.set(expression.register, "anything");
        break;
      case "cmp": {
        const truth = compare(packet, read(expression.register), expression);
        if (truth === "no") return { holds: "no" };
        if (truth === "maybe") holds = "maybe";
        break;
      }
      case "lookup": {
        const found = lookUp(read(expression.register), expression, table);
        if (found.holds === "no" || found.end !== undefined) return found;
        if (found.holds === "maybe") holds = "maybe";
        registers.clear();
        break;
      }
      case "verdict":
        return { holds, end: expression.verdict };
      case "unknown": {
        const effect = effectOf(expression);
        if (effect === "no") return { holds: "no" };
        if (effect === "drop" || effect === "unknown") return { holds, end: { kind: effect } };
        if (effect === "maybe") holds = "maybe";
        registers.clear();
        break;
      }
      default:
        break;
    }
  }
  return { holds };
}

function connectionValue(key: string): KnownValue {
  if (key === "state") return stateOfFirst;
  return key === "status" ? statusOfFirst : "anything";
}

/** The outcome of a lookup. Only states of connections are looked up: their sets are small and without ranges. */
function lookUp(value: KnownValue, { set, inverted, destination }: Lookup, table: ForeignTable): Evaluation {
  const isVerdict = destination === "verdict";
  if (value !== stateOfFirst)
    return isVerdict ? { holds: "maybe", end: { kind: "unknown" } } : { holds: "maybe" };
  const element = table.elementsOf(set).find(({ key }) => Buffer.compare(key, stateOfFirst.bytes) === 0);
  if (!isVerdict) return { holds: (element !== undefined) === inverted ? "no" : "yes" };
  if (element === undefined) return { holds: "no" };
  const { data } = element;
  return { holds: "yes", end: data !== undefined && "verdict" in data ? data.verdict : { kind: "unknown" } };
}
