import { SystemError } from "../errors/system-error.ts";
import { EAFNOSUPPORT, EINVAL, ENOENT, EOPNOTSUPP, ERESTART } from "../linux/errno.ts";
import { ByteReader } from "../netlink/attribute-reader.ts";
import { align, NLA_F_NESTED, NLA_TYPE_MASK } from "../netlink/constants.ts";
import type { BatchAnswer } from "./batch.ts";
import type { Command } from "./command.ts";
import {
  NFT_MSG_DELSETELEM,
  NFT_MSG_NEWCHAIN,
  NFT_MSG_NEWRULE,
  NFT_MSG_NEWSETELEM,
  NFTA_CHAIN_TYPE,
  NFTA_RULE_EXPRESSIONS,
  NFTA_SET_ELEM_LIST_ELEMENTS,
} from "./protocol.ts";

/** The kernel refused a batch of nf_tables; nothing of it was applied. */
export class NftablesRefusal extends SystemError {
  constructor(operation: string, errno: number | string, explanation: string, advice: string) {
    super(operation, errno, explanation, advice === "" ? {} : { advice });
    this.name = "NftablesRefusal";
  }
}

/** The error for an answer: which command, which part of it, and what helps. */
export function refusal(
  commands: readonly Command[],
  { index, errno, explanation, offset }: BatchAnswer,
): SystemError {
  const command = commands[index];
  if (command === undefined) {
    const what = "cannot change the nf_tables ruleset";
    const name = errno === ERESTART ? "ERESTART" : errno;
    return new NftablesRefusal(what, name, explanation || restartText(errno), supportHint(errno));
  }
  const path = offset === undefined ? [] : attributePath(command.body, offset);
  const item = culprit(command, path);
  const at = item === undefined ? "" : ` (at ${item})`;
  return new NftablesRefusal(
    `${command.operation}${at}`,
    errno,
    explanation,
    hint(command, errno, path, item),
  );
}

function restartText(errno: number): string {
  return errno === ERESTART ? "somebody else changed the ruleset meanwhile" : "";
}

/** EOPNOTSUPP for a batch as a whole: nobody in the kernel takes it. */
function supportHint(errno: number): string {
  return errno === EOPNOTSUPP || errno === EINVAL ? "the kernel has no nf_tables: CONFIG_NF_TABLES" : "";
}

/** Types of the attributes that lead to an offset, with the place in the list for items of lists. */
interface PathStep {
  readonly type: number;
  readonly index: number;
}

function attributePath(bytes: Uint8Array, target: number): PathStep[] {
  const reader = new ByteReader(bytes);
  const path: PathStep[] = [];
  let start = 0;
  let end = bytes.length;
  for (let index = 0, offset = start; offset + 4 <= end; index++) {
    const length = reader.u16(offset);
    if (length < 4 || offset + length > end) return path;
    const next = offset + align(length);
    if (target >= next) {
      offset = next;
      continue;
    }
    path.push({ type: reader.u16(offset + 2) & NLA_TYPE_MASK, index });
    const isNested = (reader.u16(offset + 2) & NLA_F_NESTED) !== 0;
    if (!isNested || target < offset + 4) return path;
    start = offset + 4;
    end = offset + length;
    offset = start;
    index = -1;
  }
  return path;
}

/** The item of a rule's or a set's list that the kernel pointed at. */
function culprit({ type, items }: Command, path: readonly PathStep[]): string | undefined {
  const list =
    type === NFT_MSG_NEWRULE
      ? NFTA_RULE_EXPRESSIONS
      : type === NFT_MSG_NEWSETELEM || type === NFT_MSG_DELSETELEM
        ? NFTA_SET_ELEM_LIST_ELEMENTS
        : undefined;
  const [first, second] = path;
  return first?.type === list && second !== undefined ? items?.[second.index] : undefined;
}

/** Kernel options (net/netfilter/Kconfig and below) that bring the expressions; those not listed come with nf_tables. */
const expressionOptions: Readonly<Record<string, string>> = {
  ct: "CONFIG_NFT_CT",
  fib: "CONFIG_NFT_FIB_INET, CONFIG_NFT_FIB_IPV4 and CONFIG_NFT_FIB_IPV6",
  masq: "CONFIG_NFT_MASQ",
  nat: "CONFIG_NFT_NAT",
  "meta ibrname": "CONFIG_NFT_BRIDGE_META",
  "meta obrname": "CONFIG_NFT_BRIDGE_META",
};
const familyOptions = {
  inet: "CONFIG_NF_TABLES_INET",
  ip: "CONFIG_NF_TABLES_IPV4",
  ip6: "CONFIG_NF_TABLES_IPV6",
  bridge: "CONFIG_NF_TABLES_BRIDGE",
} as const;

function hint(command: Command, errno: number, path: readonly PathStep[], item: string | undefined): string {
  if (errno !== ENOENT && errno !== EOPNOTSUPP && errno !== EAFNOSUPPORT) return "";
  if (command.type === NFT_MSG_NEWRULE && item !== undefined) {
    const option = expressionOptions[item] ?? expressionOptions[item.split(" ")[0] ?? ""];
    return option === undefined ? "" : `the kernel lacks this kind of expression: ${option}`;
  }
  if (command.type !== NFT_MSG_NEWCHAIN) return "";
  const isTypeMissing = path[0]?.type === NFTA_CHAIN_TYPE || errno !== ENOENT;
  if (!isTypeMissing) return "";
  const option = familyOptions[command.family];
  return `the kernel lacks this kind of chain: ${option}, and CONFIG_NFT_NAT for type nat`;
}
