// linux/netlink.h
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
/** linux/socket.h */
export const SOL_NETLINK = 270;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
/** Of requests for objects. */
export const NLM_F_DUMP = 0x300;
/** Of requests that create something. */
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** Of acknowledgements. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSGERR_ATTR_MSG = 1;
export const NLMSGERR_ATTR_OFFS = 2;

/** Bit of an attribute's type: its value is attributes. */
export const NLA_F_NESTED = 0x8000;
/** An attribute's type without such bits. */
export const NLA_TYPE_MASK = 0x3fff;

/** struct nlmsghdr */
export const messageHeaderLength = 16;
/** struct nfgenmsg (linux/netfilter/nfnetlink.h) */
export const nfgenmsgLength = 4;

/** Type of a route to this machine (linux/rtnetlink.h), of which nf_tables knows too. */
export const RTN_LOCAL = 2;

/** Length with padding: messages and attributes begin at multiples of four. */
export function align(length: number): number {
  return (length + 3) & ~3;
}
