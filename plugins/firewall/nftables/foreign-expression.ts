import { Attributes, ByteReader } from "../../../shared/netlink/attribute-reader.ts";
import type { UnknownExpression } from "../../../shared/nftables/expression.ts";

/**
 * The effect of an expression in somebody else's rule on the first packet of a connection: it does not match ("no"), may
 * match ("maybe"), drops the packet ("drop"), has a verdict that is not known ("unknown"), or has no effect ("none").
 */
type Effect = "no" | "maybe" | "drop" | "unknown" | "none";

/** The effect of an expression that shared/nftables does not decode; "maybe" in doubt. */
export function effectOf({ name, data }: UnknownExpression): Effect {
  switch (name) {
    case "reject":
      return "drop";
    case "log":
    case "notrack":
      return "none";
    case "queue":
    case "synproxy":
    case "fwd":
      return "unknown";
    case "match":
      return effectOfMatch(data);
    case "target":
      return effectOfTarget(data);
    default:
      return "maybe";
  }
}

// linux/netfilter/nf_tables_compat.h: the extensions of iptables within nf_tables.
const NFTA_TARGET_NAME = 1;
const NFTA_MATCH_NAME = 1;
const NFTA_MATCH_REV = 2;
const NFTA_MATCH_INFO = 3;

function effectOfTarget(data: Uint8Array): Effect {
  switch (new Attributes(data).text(NFTA_TARGET_NAME)) {
    case "REJECT":
      return "drop";
    case "LOG":
    case "NFLOG":
    case "MARK":
    case "CONNMARK":
    case "TCPMSS":
    case "CHECKSUM":
      return "none";
    default:
      return "unknown";
  }
}

function effectOfMatch(data: Uint8Array): Effect {
  const attributes = new Attributes(data);
  const name = attributes.text(NFTA_MATCH_NAME);
  if (name === "comment") return "none";
  const info = attributes.bytes(NFTA_MATCH_INFO);
  const isKnown = name === "conntrack" && attributes.u32be(NFTA_MATCH_REV) === 3 && info !== undefined;
  return isKnown ? effectOfConntrack(info) : "maybe";
}

/** struct xt_conntrack_mtinfo3 (linux/netfilter/xt_conntrack.h): eight addresses, then numbers. */
function effectOfConntrack(info: Uint8Array): Effect {
  const matchFlags = 146;
  const invertFlags = 148;
  const stateMask = 150;
  const XT_CONNTRACK_STATE = 1;
  const newConnection = 8; // XT_CONNTRACK_STATE_BIT(IP_CT_NEW)
  if (info.length < stateMask + 2) return "maybe";
  const reader = new ByteReader(info);
  if ((reader.u16(matchFlags) & XT_CONNTRACK_STATE) === 0) return "maybe";
  const isNamed = (reader.u16(stateMask) & newConnection) !== 0;
  const isInverted = (reader.u16(invertFlags) & XT_CONNTRACK_STATE) !== 0;
  return isNamed === isInverted ? "no" : "maybe";
}
