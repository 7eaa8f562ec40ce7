import { bitLength, formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import type { Rule } from "../../../shared/iptables/rule.ts";
import type { IsolationPolicy } from "../isolation.ts";

// Chains, comments and the order of words are the Go plugin's, so that each plugin finds the other's rules.

export const forwardChain = "CNI-FORWARD";
export const stage1Chain = "CNI-ISOLATION-STAGE-1";
export const stage2Chain = "CNI-ISOLATION-STAGE-2";

function comment(text: string): Rule {
  return ["-m", "comment", "--comment", text];
}

function policyComment(policy: string): Rule {
  return comment(`CNI firewall plugin rules (ingressPolicy: ${policy})`);
}

const sharedComment = policyComment("same-bridge|isolated");

/** FORWARD: packets of containers are accepted before other rules decide. */
export const forwardJump: Rule = [...comment("CNI firewall plugin rules"), "-j", forwardChain];

/** FORWARD: isolation comes before acceptance. */
export const isolationJump: Rule = [...sharedComment, "-j", stage1Chain];

/** CNI-FORWARD: the administrator's chain decides first. */
export function adminJump(adminChain: string): Rule {
  return [...comment("CNI firewall plugin admin overrides"), "-j", adminChain];
}

/** CNI-FORWARD: replies to a container, and all packets from it, are accepted. */
export function acceptRules(address: IpAddress): readonly [Rule, Rule] {
  const host = `${formatIp(address)}/${bitLength(address.family)}`;
  return [
    ["-d", host, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT"],
    ["-s", host, "-j", "ACCEPT"],
  ];
}

/** STAGE-1: packets that leave a bridge go to STAGE-2. */
export function leavingRule(policy: IsolationPolicy, bridge: string): Rule {
  return ["-i", bridge, "!", "-o", bridge, ...policyComment(policy), "-j", stage2Chain];
}

/** STAGE-1: packets between the ports of an isolated bridge are dropped. */
export function withinRule(bridge: string): Rule {
  return ["-i", bridge, "-o", bridge, ...policyComment("isolated"), "-j", "DROP"];
}

/** STAGE-2: packets from another bridge with a policy, to this bridge, are dropped. */
export function enteringRule(bridge: string): Rule {
  return ["-o", bridge, ...sharedComment, "-j", "DROP"];
}

/** The last rule of both stages. */
export const stageReturn: Rule = [...sharedComment, "-j", "RETURN"];
