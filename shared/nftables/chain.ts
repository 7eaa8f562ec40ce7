import { Attributes } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLM_F_CREATE } from "../netlink/constants.ts";
import { type Command, describeInTable, type TableName } from "./command.ts";
import {
  NFT_MSG_DELCHAIN,
  NFT_MSG_DELRULE,
  NFT_MSG_NEWCHAIN,
  NFTA_CHAIN_TYPE,
  NFTA_RULE_CHAIN,
  NFTA_RULE_TABLE,
} from "./protocol.ts";
import { commentIn, commentUserdata, encodeUserdata } from "./userdata.ts";

const NFTA_CHAIN_TABLE = 1;
const NFTA_CHAIN_NAME = 3;
const NFTA_CHAIN_HOOK = 4;
const NFTA_CHAIN_POLICY = 5;
const NFTA_CHAIN_USE = 6;
const NFTA_CHAIN_USERDATA = 12;
const NFTA_HOOK_HOOKNUM = 1;
const NFTA_HOOK_PRIORITY = 2;
const NF_DROP = 0;
const NF_ACCEPT = 1;

/** enum nf_inet_hooks and nf_br_hooks (linux/netfilter.h, netfilter_bridge.h), in the order of their numbers. */
const hooks = ["prerouting", "input", "forward", "output", "postrouting"] as const;
type Hook = (typeof hooks)[number];
const types = ["filter", "nat", "route"] as const;
type ChainType = (typeof types)[number];

/** Priorities that have names in IPv4 and IPv6 (linux/netfilter_ipv4.h). Smaller ones come first. */
export const priority = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
} as const;

/** How packets come to a base chain. */
export interface BaseChain {
  readonly type: ChainType;
  readonly hook: Hook;
  readonly priority: number;
  /** What becomes of packets on which no rule has decided. */
  readonly policy: "accept" | "drop";
}

/** A chain; without `base`, packets come to it only by jump and goto. */
interface Chain {
  readonly table: TableName;
  readonly name: string;
  readonly base?: BaseChain;
  readonly comment?: string;
}

/** A chain as the kernel has it. */
export interface ListedChain extends Chain {
  /** How many rules it has, and rules and elements elsewhere that lead to it: without the latter it can be deleted. */
  readonly uses: number;
}

/** Where a chain is found. */
export type ChainName = Pick<Chain, "table" | "name">;

export function describeChain({ table, name }: ChainName): string {
  return describeInTable(table, name);
}

/** Makes a chain; one that is there already stays as it is. Throws RangeError for an impossible comment. */
export function addChain(chain: Chain): Command {
  const body = new AttributeWriter().raw(chainKey(chain));
  const { base, comment } = chain;
  if (base !== undefined) {
    body
      .nested(NFTA_CHAIN_HOOK, (hook) =>
        hook.u32be(NFTA_HOOK_HOOKNUM, hooks.indexOf(base.hook)).u32be(NFTA_HOOK_PRIORITY, base.priority),
      )
      .u32be(NFTA_CHAIN_POLICY, base.policy === "accept" ? NF_ACCEPT : NF_DROP)
      .text(NFTA_CHAIN_TYPE, base.type);
  }
  if (comment !== undefined) body.bytes(NFTA_CHAIN_USERDATA, encodeUserdata([commentUserdata(comment)]));
  return {
    type: NFT_MSG_NEWCHAIN,
    flags: NLM_F_CREATE,
    family: chain.table.family,
    body: body.finish(),
    operation: `cannot add chain ${describeChain(chain)}`,
  };
}

/** Deletes a chain and its rules. ENOENT when it is not there, EBUSY when something leads to it. */
export function deleteChain(chain: ChainName): Command {
  return {
    type: NFT_MSG_DELCHAIN,
    flags: 0,
    family: chain.table.family,
    body: chainKey(chain),
    operation: `cannot delete chain ${describeChain(chain)}`,
  };
}

/** Deletes all rules of a chain. ENOENT when the chain is not there. */
export function flushChain({ table, name }: ChainName): Command {
  return {
    type: NFT_MSG_DELRULE,
    flags: 0,
    family: table.family,
    body: new AttributeWriter().text(NFTA_RULE_TABLE, table.name).text(NFTA_RULE_CHAIN, name).finish(),
    operation: `cannot flush chain ${describeInTable(table, name)}`,
  };
}

/** The attributes that ask for a chain. */
export function chainKey({ table, name }: ChainName): Uint8Array {
  return new AttributeWriter().text(NFTA_CHAIN_TABLE, table.name).text(NFTA_CHAIN_NAME, name).finish();
}

/** Reads the attributes of a chain; undefined for hooks and types that nothing here uses. Throws DecodeError. */
export function decodeChain(family: TableName["family"], bytes: Uint8Array): ListedChain | undefined {
  const attributes = new Attributes(bytes);
  const comment = commentIn(attributes.bytes(NFTA_CHAIN_USERDATA));
  const chain = {
    table: { family, name: attributes.text(NFTA_CHAIN_TABLE) ?? "" },
    name: attributes.text(NFTA_CHAIN_NAME) ?? "",
    uses: attributes.u32be(NFTA_CHAIN_USE) ?? 0,
    ...(comment === undefined ? {} : { comment }),
  };
  const place = attributes.nested(NFTA_CHAIN_HOOK);
  if (place === undefined) return chain;
  const hook = hooks[place.u32be(NFTA_HOOK_HOOKNUM) ?? -1];
  const typeName = attributes.text(NFTA_CHAIN_TYPE);
  const type = types.find((candidate) => candidate === typeName);
  if (hook === undefined || type === undefined) return undefined;
  const policy = attributes.u32be(NFTA_CHAIN_POLICY) === NF_DROP ? "drop" : "accept";
  // The kernel's number is signed.
  const base: BaseChain = { type, hook, priority: (place.u32be(NFTA_HOOK_PRIORITY) ?? 0) | 0, policy };
  return { ...chain, base };
}
