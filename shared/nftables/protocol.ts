/** What every message of nf_tables has: its type, its family and its header (linux/netfilter/nf_tables.h, nfnetlink.h). */

const NFNL_SUBSYS_NFTABLES = 10;
export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;
export const NFNL_BATCH_GENID = 1;

export const NFT_MSG_NEWTABLE = 0;
export const NFT_MSG_GETTABLE = 1;
export const NFT_MSG_DELTABLE = 2;
export const NFT_MSG_NEWCHAIN = 3;
export const NFT_MSG_GETCHAIN = 4;
export const NFT_MSG_DELCHAIN = 5;
export const NFT_MSG_NEWRULE = 6;
export const NFT_MSG_GETRULE = 7;
export const NFT_MSG_DELRULE = 8;
export const NFT_MSG_NEWSET = 9;
export const NFT_MSG_GETSET = 10;
export const NFT_MSG_NEWSETELEM = 12;
export const NFT_MSG_GETSETELEM = 13;
export const NFT_MSG_DELSETELEM = 14;
export const NFT_MSG_GETGEN = 16;
export const NFTA_GEN_ID = 1;
/** One item of any list. */
export const NFTA_LIST_ELEM = 1;
export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
export const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_RULE_USERDATA = 7;
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
export const NFTA_CHAIN_TYPE = 7;
export const NFT_REG_VERDICT = 0;
export const NFPROTO_IPV4 = 2;
export const NFPROTO_IPV6 = 10;

/** Families of tables, NFPROTO_* of linux/netfilter.h. `inet` sees IPv4 and IPv6. */
const families = { inet: 1, ip: NFPROTO_IPV4, bridge: 7, ip6: NFPROTO_IPV6 } as const;
export type Family = keyof typeof families;

/** The family of a number; undefined for those that nothing here uses (arp, netdev). */
export function familyFromNumber(number: number | undefined): Family | undefined {
  switch (number) {
    case families.inet:
      return "inet";
    case families.ip:
      return "ip";
    case families.bridge:
      return "bridge";
    case families.ip6:
      return "ip6";
    default:
      return undefined;
  }
}

/** The type field of a netlink message. */
export function messageType(type: number): number {
  return (NFNL_SUBSYS_NFTABLES << 8) | type;
}

/** struct nfgenmsg: family, version 0, and 0. */
export function familyHeader(family: Family | "unspecified"): Uint8Array {
  return Uint8Array.of(family === "unspecified" ? 0 : families[family], 0, 0, 0);
}

/** struct nfgenmsg around a batch: the resource is the subsystem, in network byte order. */
export function batchHeader(): Uint8Array {
  return Uint8Array.of(0, 0, 0, NFNL_SUBSYS_NFTABLES);
}
