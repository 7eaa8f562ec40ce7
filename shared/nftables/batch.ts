import { Attributes, ByteReader } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import {
  align,
  messageHeaderLength,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_REQUEST,
  NLMSG_ERROR,
  NLMSGERR_ATTR_OFFS,
  nfgenmsgLength,
} from "../netlink/constants.ts";
import { decodeAcknowledgement, encodeMessage, type Message } from "../netlink/message.ts";
import { joinBytes } from "./bytes.ts";
import type { Command } from "./command.ts";
import {
  batchHeader,
  familyHeader,
  messageType,
  NFNL_BATCH_GENID,
  NFNL_MSG_BATCH_BEGIN,
  NFNL_MSG_BATCH_END,
} from "./protocol.ts";

/** The errno of struct nlmsgerr. */
const errorLength = 4;

/**
 * The datagram of a batch: the kernel applies all commands or none. The begin has the sequence number `sequence`,
 * the commands those that follow it. Of the commands only the last is acknowledged; refusals are always told.
 *
 * @param generation the state of the ruleset to which the batch belongs; the kernel refuses it (ERESTART) for any
 *   other. Without it the batch goes with any.
 */
export function encodeBatch(commands: readonly Command[], sequence: number, generation?: number): Uint8Array {
  const begin = new AttributeWriter().raw(batchHeader());
  if (generation !== undefined) begin.u32be(NFNL_BATCH_GENID, generation);
  const messages: Message[] = [
    { type: NFNL_MSG_BATCH_BEGIN, flags: NLM_F_REQUEST, sequence, body: begin.finish() },
  ];
  commands.forEach(({ type, flags, family, body }, index) => {
    const isLast = index === commands.length - 1;
    messages.push({
      type: messageType(type),
      flags: flags | NLM_F_REQUEST | (isLast ? NLM_F_ACK : 0),
      sequence: sequence + 1 + index,
      body: new AttributeWriter().raw(familyHeader(family)).raw(body).finish(),
    });
  });
  messages.push({
    type: NFNL_MSG_BATCH_END,
    flags: NLM_F_REQUEST,
    sequence: sequence + 1 + commands.length,
    body: batchHeader(),
  });
  return joinBytes(messages.map(encodeMessage));
}

/** The kernel's answer to one message of a batch. */
export interface BatchAnswer {
  /** Index of the command; -1 for the batch as a whole. */
  readonly index: number;
  readonly errno: number;
  /** Extended ACK. */
  readonly explanation: string;
  /** The offset of the refused part, from the start of the message's attributes. */
  readonly offset?: number;
}

/** Reads an answer to the batch; undefined for messages that are none. Throws DecodeError. */
export function decodeAnswer(message: Message, sequence: number, count: number): BatchAnswer | undefined {
  const index = message.sequence - sequence - 1;
  if (message.type !== NLMSG_ERROR || index < -1 || index > count) return undefined;
  const { errno, explanation } = decodeAcknowledgement(message);
  const offset = badAttributeOffset(message);
  return {
    index: index === count ? -1 : index,
    errno,
    explanation,
    ...(offset === undefined ? {} : { offset }),
  };
}

function badAttributeOffset({ flags, body }: Message): number | undefined {
  if ((flags & NLM_F_ACK_TLVS) === 0) return undefined;
  const reader = new ByteReader(body);
  const echoed = (flags & NLM_F_CAPPED) !== 0 ? messageHeaderLength : align(reader.u32(errorLength));
  if (errorLength + echoed > reader.length) return undefined;
  const attributes = new Attributes(reader.slice(errorLength + echoed, reader.length));
  const offset = attributes.u32(NLMSGERR_ATTR_OFFS);
  // Of the header of netlink and that of nfnetlink nothing is ever meant.
  return offset === undefined || offset < messageHeaderLength + nfgenmsgLength
    ? undefined
    : offset - messageHeaderLength - nfgenmsgLength;
}
