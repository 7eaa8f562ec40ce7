import { Attributes, ByteReader, DecodeError } from "./attribute-reader.ts";
import {
  align,
  messageHeaderLength,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSGERR_ATTR_MSG,
} from "./constants.ts";

/** One netlink message (struct nlmsghdr and what follows it). */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

export function encodeMessage({ type, flags, sequence, body }: Message): Uint8Array {
  const bytes = new Uint8Array(align(messageHeaderLength + body.length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, messageHeaderLength + body.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  bytes.set(body, messageHeaderLength);
  return bytes;
}

/** The messages of one datagram. Throws DecodeError when a length does not fit. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  forEachMessage(new ByteReader(bytes), (message) => messages.push(decodeMessage(message)));
  return messages;
}

/** The place of a message in a datagram: the start of its header, and the end of its body. */
export interface MessagePlace {
  readonly reader: ByteReader;
  readonly start: number;
  readonly end: number;
}

export function decodeHeader({ reader, start }: MessagePlace): Omit<Message, "body"> {
  return { type: reader.u16(start + 4), flags: reader.u16(start + 6), sequence: reader.u32(start + 8) };
}

export function decodeMessage(place: MessagePlace): Message {
  return { ...decodeHeader(place), body: place.reader.slice(place.start + messageHeaderLength, place.end) };
}

/** The start of a message's body. */
export function bodyStart({ start }: MessagePlace): number {
  return start + messageHeaderLength;
}

/** Calls `take` with each message of a datagram, in order. Throws DecodeError when a length does not fit. */
export function forEachMessage(reader: ByteReader, take: (message: MessagePlace) => void): void {
  for (let start = 0; start + messageHeaderLength <= reader.length; ) {
    const length = reader.u32(start);
    if (length < messageHeaderLength)
      throw new DecodeError(`netlink message of ${length} bytes at offset ${start}`);
    reader.check(start, length);
    take({ reader, start, end: start + length });
    start += align(length);
  }
}

/** The kernel's answer at the end of a request: errno 0 is success; the explanation is the text of the extended ACK. */
export interface Acknowledgement {
  readonly errno: number;
  readonly explanation: string;
}

/** Decodes NLMSG_ERROR (struct nlmsgerr) or NLMSG_DONE, with extended ACK. Throws DecodeError. */
export function decodeAcknowledgement(message: Message): Acknowledgement {
  const reader = new ByteReader(message.body);
  // NLMSG_DONE of older kernels may hold nothing.
  const isEmpty = message.type === NLMSG_DONE && reader.length === 0;
  const errno = isEmpty ? 0 : 0 - reader.i32(0);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno, explanation: "" };
  let offset = 4;
  if (message.type === NLMSG_ERROR) {
    // The request's header follows, and the request itself unless it was capped.
    const echoed = reader.u32(4);
    offset = 4 + ((message.flags & NLM_F_CAPPED) !== 0 ? messageHeaderLength : align(echoed));
  }
  if (offset > reader.length) return { errno, explanation: "" };
  const attributes = new Attributes(reader.slice(offset, reader.length));
  return { errno, explanation: attributes.text(NLMSGERR_ATTR_MSG) ?? "" };
}
