import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { forwardChain, stage1Chain, stage2Chain } from "./rules.ts";

/** XT_EXTENSION_MAXNAMELEN (linux/netfilter/x_tables.h) without the revision and the closing zero byte. */
const maximumBytes = 28;

/** Built-in chains. */
const takenChains = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/** Our own chains: a jump to one of them would be a loop. */
const ownChains = [forwardChain, stage1Chain, stage2Chain];

/** Targets: iptables refuses a chain with the name of one (iptables-extensions(8)). */
const targets = [
  ...["ACCEPT", "DROP", "QUEUE", "RETURN", "AUDIT", "CHECKSUM", "CLASSIFY", "CLUSTERIP", "CONNMARK"],
  ...["CONNSECMARK", "CT", "DNAT", "DNPT", "DSCP", "ECN", "HL", "HMARK", "IDLETIMER", "LED", "LOG", "MARK"],
  ...["MASQUERADE", "NETMAP", "NFLOG", "NFQUEUE", "NOTRACK", "RATEEST", "REDIRECT", "REJECT", "SECMARK"],
  ...[
    "SET",
    "SNAT",
    "SNPT",
    "SYNPROXY",
    "TCPMSS",
    "TCPOPTSTRIP",
    "TEE",
    "TOS",
    "TPROXY",
    "TRACE",
    "TTL",
    "ULOG",
  ],
];

/** The name, if it can be that of an admin chain. Throws CniError code 7. */
export function requireAdminChainName(name: string): string {
  const problem = problemOf(name);
  if (problem === undefined) return name;
  throw new CniError(
    ErrorCode.invalidConfig,
    `invalid iptablesAdminChainName ${JSON.stringify(name)}: ${problem}`,
    `a chain name has at most ${maximumBytes} bytes of letters, digits and punctuation, for example CNI-ADMIN`,
  );
}

function problemOf(name: string): string | undefined {
  if (Buffer.byteLength(name) > maximumBytes) return "chain name too long (must be under 29 chars)";
  if (!/^[!-~]+$/.test(name)) return "only printable ASCII characters without blanks are allowed";
  if (/["'\\`]/.test(name)) return "quotes and backslashes are not allowed";
  if (/^[-!:]/.test(name)) return `it must not begin with "${name.charAt(0)}"`;
  if (takenChains.includes(name)) return "it is a built-in chain";
  if (ownChains.includes(name)) return "it is a chain of this plugin";
  return targets.includes(name) ? "chain name may not clash with target name" : undefined;
}
