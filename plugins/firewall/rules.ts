import { bitLength, formatIp, type IpAddress } from "../../shared/ip/address.ts";
import type { Rule } from "../../shared/iptables/rule.ts";

// Chains, comments and the order of words are those of the reference plugin, so that each finds the other's rules.
export const forwardChain = "CNI-FORWARD";
export const stage1Chain = "CNI-ISOLATION-STAGE-1";
export const stage2Chain = "CNI-ISOLATION-STAGE-2";

export type IsolationPolicy = "same-bridge" | "isolated";

/** Containers on `bridge` are kept apart from those on other bridges; with "isolated" also from each other. */
export interface Isolation {
  readonly policy: IsolationPolicy;
  readonly bridge: string;
}

function comment(text: string): Rule {
  return ["-m", "comment", "--comment", text];
}

function policyComment(policy: string): Rule {
  return comment(`CNI firewall plugin rules (ingressPolicy: ${policy})`);
}

const sharedComment = policyComment("same-bridge|isolated");

/** FORWARD: packets of containers are accepted before anything else decides. */
export const forwardJump: Rule = [...comment("CNI firewall plugin rules"), "-j", forwardChain];

/** FORWARD: isolation comes before acceptance. */
export const isolationJump: Rule = [...sharedComment, "-j", stage1Chain];

/** CNI-FORWARD: the administrator has the first word. */
export function adminJump(adminChain: string): Rule {
  return [...comment("CNI firewall plugin admin overrides"), "-j", adminChain];
}

/** CNI-FORWARD: answers to a container, and all that it sends. */
export function acceptRules(address: IpAddress): readonly [Rule, Rule] {
  const host = `${formatIp(address)}/${bitLength(address.family)}`;
  return [
    ["-d", host, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    ["-s", host, "-j", "ACCEPT"],
  ];
}

/** STAGE-1: what leaves a bridge is looked at in STAGE-2. */
export function leavingRule(policy: IsolationPolicy, bridge: string): Rule {
  return ["-i", bridge, "!", "-o", bridge, ...policyComment(policy), "-j", stage2Chain];
}

/** STAGE-1: nothing passes between the ports of an isolated bridge. */
export function withinRule(bridge: string): Rule {
  return ["-i", bridge, "-o", bridge, ...policyComment("isolated"), "-j", "DROP"];
}

/** STAGE-2: what comes from another bridge with a policy does not enter. */
export function enteringRule(bridge: string): Rule {
  return ["-o", bridge, ...sharedComment, "-j", "DROP"];
}

/** The end of both stages. */
export const stageReturn: Rule = [...sharedComment, "-j", "RETURN"];
